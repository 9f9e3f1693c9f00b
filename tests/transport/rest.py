"""The bot's ordinary routes: itself, its servers and commands, channels and messages."""

from tests.transport.api_error import ApiError, Json, missing_permissions, unknown
from tests.transport.call import Call
from tests.transport.gateway import Gateway
from tests.transport.payloads import channel_json, member_json, message_json, user_json
from tests.transport.posting import check_may_post, post_to_channel, require_channel, write
from tests.transport.things import Channel, Message, Permission
from tests.transport.world import World


class Rest:
    """Each method is a route: it returns the JSON of a 200, or None for a 204."""

    def __init__(self, world: World, gateway: Gateway) -> None:
        self.world = world
        self.gateway = gateway

    async def me(self, call: Call) -> Json:
        """GET /users/@me"""
        return user_json(self.world.bot) | {
            "verified": True,
            "mfa_enabled": True,
            "flags": 0,
            "locale": "en-US",
        }

    async def user(self, call: Call) -> Json:
        """GET /users/{user}"""
        user = self.world.users.get(call.id("user"))
        if user is None:
            raise unknown("User")
        return user_json(user)

    async def member(self, call: Call) -> Json:
        """GET /guilds/{guild}/members/{user}"""
        guild, user = self.world.guilds.get(call.id("guild")), self.world.users.get(call.id("user"))
        if guild is None or user is None or user not in guild.members:
            raise unknown("Member")
        return member_json(guild, user, with_user=True)

    async def application(self, call: Call) -> Json:
        """GET /oauth2/applications/@me and /applications/@me"""
        application = self.world.application
        return {
            "id": str(application.id),
            "name": application.name,
            "icon": None,
            "description": "",
            "bot_public": True,
            "bot_require_code_grant": False,
            "verify_key": "0" * 64,
            "owner": user_json(application.owner),
            "team": None,
            "bot": user_json(self.world.bot),
            "flags": application.flags,
            "approximate_guild_count": len(self.world.guilds),
            "integration_types_config": {"0": {}},
        }

    async def gateway_address(self, call: Call) -> Json:
        """GET /gateway"""
        return {"url": self.gateway.url}

    async def gateway_bot(self, call: Call) -> Json:
        """GET /gateway/bot"""
        limit = {"total": 1000, "remaining": 999, "reset_after": 1000, "max_concurrency": 1}
        return {"url": self.gateway.url, "shards": self.gateway.shards, "session_start_limit": limit}

    async def guilds(self, call: Call) -> list[Json]:
        """GET /users/@me/guilds, by pages"""
        query = call.request.query
        after, limit = int(query.get("after", 0)), int(query.get("limit", 200))
        return [
            {
                "id": str(guild.id),
                "name": guild.name,
                "icon": None,
                "owner": False,
                "permissions": str(int(guild.everyone)),
                "features": [],
            }
            for guild in self.world.guilds.values()
            if self.world.bot in guild.members and guild.id > after
        ][:limit]

    async def commands(self, call: Call) -> list[Json]:
        """GET /applications/{application}/commands"""
        return self.world.commands

    async def put_commands(self, call: Call) -> list[Json]:
        """PUT /applications/{application}/commands"""
        kept = {(command["name"], command["type"]): command["id"] for command in self.world.commands}
        self.world.commands = []
        for command in call.payload:
            kind = command.get("type", 1)
            known = kept.get((command["name"], kind)) or str(self.world.snowflake())
            rest = {
                "id": known,
                "type": kind,
                "application_id": str(self.world.application.id),
                "version": "1",
            }
            self.world.commands.append({"description": "", "options": []} | command | rest)
        return self.world.commands

    async def open_dm(self, call: Call) -> Json:
        """POST /users/@me/channels"""
        user = self.world.users.get(int(call.form["recipient_id"]))
        if user is None:
            raise unknown("User")
        return channel_json(self.world, self.world.dm(user))

    async def channel(self, call: Call) -> Json:
        """GET /channels/{channel}"""
        return channel_json(self.world, self._channel(call))

    async def typing(self, call: Call) -> None:
        """POST /channels/{channel}/typing"""
        channel = self._channel(call)
        check_may_post(channel, {})
        self.world.typing.append(channel)

    async def messages(self, call: Call) -> list[Json]:
        """GET /channels/{channel}/messages, the newest first"""
        channel = self._channel_with_history(call)
        query = call.request.query
        before = int(query.get("before", 1 << 63))
        found = [
            message
            for message in reversed(self.world.messages.values())
            if message.channel is channel
            and not message.deleted
            and not message.ephemeral
            and int(query.get("after", 0)) < message.id < before
        ]
        return [self._json(message) for message in found[: int(query.get("limit", 50))]]

    async def message(self, call: Call) -> Json:
        """GET /channels/{channel}/messages/{message}"""
        self._channel_with_history(call)
        return self._json(self._message(call))

    async def post_message(self, call: Call) -> Json:
        """POST /channels/{channel}/messages"""
        channel = self._channel(call)
        message, is_new = post_to_channel(self.world, channel, call.form, call.uploads)
        if is_new:
            await self.gateway.tell_message("MESSAGE_CREATE", message)
        return self._json(message)

    async def edit_message(self, call: Call) -> Json:
        """PATCH /channels/{channel}/messages/{message}"""
        message = self._message(call)
        if message.author is not self.world.bot:
            raise ApiError(403, 50005, "Cannot edit a message authored by another user")
        write(self.world, message, call.form, call.uploads)
        message.edits += 1
        await self.gateway.tell_message("MESSAGE_UPDATE", message)
        return self._json(message)

    async def delete_message(self, call: Call) -> None:
        """DELETE /channels/{channel}/messages/{message}"""
        message = self._message(call)
        may = Permission.MANAGE_MESSAGES in message.channel.bot_permissions
        if message.author is not self.world.bot and not may:
            raise missing_permissions()
        await self.gateway.tell_deleted(message)

    def _json(self, message: Message) -> Json:
        # The switch in the developer portal hides contents here as well, whatever the session asked for.
        return message_json(self.world, message, readable=self.world.application.message_content != "no")

    def _channel(self, call: Call) -> Channel:
        return require_channel(self.world, call.id("channel"))

    def _channel_with_history(self, call: Call) -> Channel:
        channel = self._channel(call)
        if Permission.READ_MESSAGE_HISTORY not in channel.bot_permissions:
            raise missing_permissions()
        return channel

    def _message(self, call: Call) -> Message:
        message = self.world.live_message(self._channel(call).id, call.id("message"))
        if message is None or message.ephemeral:
            raise unknown("Message")
        return message
