"""Apps and what is theirs: keys at providers, API keys, secrets; made, changed, opened, and ended.

The rooms beside this one (sending, delivery, subscribers) do not import it: what they need of it is handed to them.
"""
