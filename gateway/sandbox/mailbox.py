"""User agents, their channels, and the messages that wait for them: the memory of both push services.

The same rules serve Firefox and Chromium: a message goes to a connected agent at once and is kept until the agent
confirms it; TTL 0 is never kept; a topic replaces what is still kept under it; an agent that returns gets the rest.
Sources: RFC 8030 sections 5.2 (TTL), 5.4 (topics), 6.2 (acknowledging); everything is bounded by model/limits.py.
"""

from collections import OrderedDict
from collections.abc import Callable
from typing import Protocol

import msgspec

from gateway.sandbox.ledger import Fate
from gateway.sandbox.limits import AGENTS_MAX, CHANNELS_PER_AGENT_MAX, GONE_TOKENS_MAX
from gateway.sandbox.limits import STORED_PER_CHANNEL_MAX as STORED_MAX


class StoredMessage(msgspec.Struct, frozen=True, kw_only=True):
    """A message on its way to one channel."""

    version: str
    token: str
    body: bytes
    ttl_s: int
    topic: str | None
    accepted_at: float
    expires_at: float
    """Both in seconds since the epoch."""


class Channel(msgspec.Struct, kw_only=True, eq=False):
    """One subscription: what the user agent calls it, what the world calls it, who may send to it."""

    token: str
    name: str
    """The agent's own name for it: Firefox's channelID, Chromium's X-subtype."""
    agent_id: str
    vapid_key: bytes | None
    """The 65-byte point that the page subscribed with; None lets everybody in."""
    service: str
    details: dict[str, str] = {}
    kept: "OrderedDict[str, StoredMessage]" = msgspec.field(default_factory=OrderedDict[str, StoredMessage])


class Connection(Protocol):
    """A live line to a user agent."""

    def deliver(self, channel: Channel, message: StoredMessage) -> None:
        """Send now, without waiting."""
        ...

    def close(self) -> None:
        """Hang up."""
        ...


class Agent(msgspec.Struct, kw_only=True, eq=False):
    """One browser profile."""

    agent_id: str
    service: str
    """As its channels'."""
    channels: dict[str, Channel] = {}
    connection: Connection | None = None


class TooManyChannelsError(Exception):
    """The agent has as many channels as one may have."""


class Mailbox:
    """All agents and channels of one sandbox. Decides with the time it is given; does no I/O itself."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._agents: OrderedDict[str, Agent] = OrderedDict()
        self._tokens: dict[str, Channel] = {}
        self._gone: OrderedDict[str, None] = OrderedDict()
        self._by_version: dict[str, Channel] = {}

    # --- agents -------------------------------------------------------------------------------------------------------
    def agent(self, agent_id: str) -> Agent | None:
        """The agent of that id, if it is known."""
        return self._agents.get(agent_id)

    def agents(self) -> list[Agent]:
        """Every known agent, the oldest first."""
        return list(self._agents.values())

    def add_agent(self, agent_id: str, service: str) -> Agent:
        """A new agent; beyond the bound the oldest one is forgotten."""
        if len(self._agents) >= AGENTS_MAX:
            self.forget(next(iter(self._agents)))
        agent = self._agents[agent_id] = Agent(agent_id=agent_id, service=service)
        return agent

    def forget(self, agent_id: str) -> None:
        """Drop an agent with all its channels, as a push service does that lost or expired it; hang up last."""
        agent = self._agents.pop(agent_id, None)
        if agent is not None:
            self.close_all(agent)
            self.hang_up(agent)

    def close_all(self, agent: Agent) -> None:
        """End all of an agent's subscriptions, without telling it."""
        for name in list(agent.channels):
            self._drop(agent, name)

    def hang_up(self, agent: Agent) -> None:
        """Close an agent's line. It counts as away before its line is closed, or a message could fall between."""
        connection, agent.connection = agent.connection, None
        if connection is not None:
            connection.close()

    def connect(self, agent: Agent, connection: Connection) -> None:
        """Put an agent on the line, replacing an older line, and send it everything that waited and still lives."""
        self.hang_up(agent)
        agent.connection = connection
        for channel in list(agent.channels.values()):
            self._expire(channel)
            for message in list(channel.kept.values()):
                connection.deliver(channel, message)

    def disconnect(self, agent: Agent, connection: Connection) -> None:
        """Note that this line is gone, unless a newer one has taken its place."""
        if agent.connection is connection:
            agent.connection = None

    # --- channels -----------------------------------------------------------------------------------------------------
    def open(self, agent: Agent, channel: Channel) -> None:
        """Add a channel, in the place of one of the same name."""
        if channel.name in agent.channels:
            self._drop(agent, channel.name)
        if len(agent.channels) >= CHANNELS_PER_AGENT_MAX:
            raise TooManyChannelsError
        agent.channels[channel.name] = channel
        self._tokens[channel.token] = channel

    def close(self, agent: Agent, name: str) -> bool:
        """End a subscription: its endpoint answers 410 from now on. False when there was none."""
        return self._drop(agent, name)

    def channel(self, token: str) -> Channel | None:
        """The channel behind an endpoint's token."""
        return self._tokens.get(token)

    def channels(self) -> list[Channel]:
        """Every open channel, the oldest first."""
        return list(self._tokens.values())

    def retire(self, token: str) -> None:
        """Answer 410 for this token from now on."""
        channel = self._tokens.get(token)
        if channel is not None and (agent := self._agents.get(channel.agent_id)) is not None:
            self._drop(agent, channel.name)
            return
        self._gone[token] = None
        if len(self._gone) > GONE_TOKENS_MAX:
            self._gone.popitem(last=False)

    def is_gone(self, token: str) -> bool:
        """Was there a subscription once?"""
        return token in self._gone

    # --- messages -----------------------------------------------------------------------------------------------------
    def post(self, channel: Channel, message: StoredMessage) -> Fate:
        """Deliver or keep a message; says which."""
        self._expire(channel)
        self._replace_topic(channel, message.topic)
        agent = self._agents[channel.agent_id]
        if message.ttl_s > 0:
            self._keep(channel, message)
        if agent.connection is not None:
            agent.connection.deliver(channel, message)
            return "delivered"
        return "stored" if message.ttl_s > 0 else "dropped"

    def confirm(self, version: str) -> bool:
        """The agent has the message: keep it no longer. Also how an application server takes one back."""
        channel = self._by_version.pop(version, None)
        return channel is not None and channel.kept.pop(version, None) is not None

    def waiting(self, token: str) -> list[StoredMessage]:
        """What is kept for a channel and still lives, the oldest first."""
        channel = self._tokens.get(token)
        if channel is None:
            return []
        self._expire(channel)
        return list(channel.kept.values())

    def _keep(self, channel: Channel, message: StoredMessage) -> None:
        if len(channel.kept) >= STORED_MAX:
            self.confirm(next(iter(channel.kept)))
        channel.kept[message.version] = message
        self._by_version[message.version] = channel

    def _replace_topic(self, channel: Channel, topic: str | None) -> None:
        if topic is not None:
            for version in [kept.version for kept in channel.kept.values() if kept.topic == topic]:
                self.confirm(version)

    def _expire(self, channel: Channel) -> None:
        now = self._clock()
        for version in [kept.version for kept in channel.kept.values() if kept.expires_at <= now]:
            self.confirm(version)

    def _drop(self, agent: Agent, name: str) -> bool:
        channel = agent.channels.pop(name, None)
        if channel is None:
            return False
        for version in list(channel.kept):
            self.confirm(version)
        self._tokens.pop(channel.token, None)
        self.retire(channel.token)
        return True
