"""The memory of the gateway: all SQL, one file per noun, each function one statement and its mapping.

`database` is the way in, `migrate` brings the schema up to date, `embedded` runs a private Postgres for those who
have none.
"""
