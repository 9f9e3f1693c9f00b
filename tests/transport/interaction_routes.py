"""The routes of an interaction: its one callback within three seconds, then its webhook for fifteen minutes."""

import time

from tests.transport.api_error import ApiError, Json, unknown, unknown_interaction
from tests.transport.call import Call
from tests.transport.gateway import Gateway, MessageEvent
from tests.transport.payloads import message_json
from tests.transport.posting import new_message, write
from tests.transport.things import Callback, Flag, Interaction, Message
from tests.transport.world import World


class InteractionRoutes:
    """Each method is a route: it returns the JSON of a 200, or None for a 204."""

    def __init__(self, world: World, gateway: Gateway) -> None:
        self.world = world
        self.gateway = gateway

    async def callback(self, call: Call) -> Json | None:
        """POST /interactions/{interaction}/{token}/callback"""
        interaction = self.world.interactions.get(call.text("token"))
        if interaction is None or interaction.id != call.id("interaction"):
            raise unknown_interaction()
        if interaction.callback is not None:
            raise ApiError(400, 40060, "Interaction has already been acknowledged.")
        if interaction.expired or time.monotonic() - interaction.sent_at > self.world.callback_seconds:
            raise unknown_interaction()
        kind = Callback(call.form["type"])
        data: Json = call.form.get("data") or {}
        if kind in {Callback.DEFERRED_UPDATE, Callback.UPDATE} and interaction.message is None:
            raise ApiError(400, 50035, "Invalid Form Body")
        await self._acknowledge(interaction, kind, data, call)
        interaction.callback = kind
        return (
            self._callback_json(interaction, kind) if call.request.query.get("with_response") == "1" else None
        )

    async def _acknowledge(self, interaction: Interaction, kind: Callback, data: Json, call: Call) -> None:
        if kind is Callback.MESSAGE:
            interaction.original = new_message(
                self.world, interaction.channel, data, call.uploads, interaction
            )
            await self._tell("MESSAGE_CREATE", interaction, interaction.original)
        elif kind is Callback.DEFERRED_MESSAGE:
            flags = Flag.LOADING | (Flag(data.get("flags") or 0) & Flag.EPHEMERAL)
            dots = Message(self.world.snowflake(), interaction.channel, self.world.bot, flags=flags)
            dots.interaction = interaction
            self.world.messages[dots.id] = interaction.original = dots
        elif kind is Callback.DEFERRED_UPDATE:
            interaction.original = interaction.message
        elif kind is Callback.UPDATE and interaction.message:
            interaction.original = interaction.message
            await self._edit(interaction, interaction.message, data, call)
        elif kind is Callback.CHOICES:
            interaction.choices = data["choices"]
        elif kind is Callback.MODAL:
            interaction.modal = data

    def _callback_json(self, interaction: Interaction, kind: Callback) -> Json:
        told: Json = {"id": str(interaction.id), "type": interaction.type}
        answer: Json = {"interaction": told}
        original = interaction.original
        if original is None:
            return answer
        told["response_message_id"] = str(original.id)
        told["response_message_loading"] = Flag.LOADING in original.flags
        told["response_message_ephemeral"] = original.ephemeral
        if kind is not Callback.DEFERRED_UPDATE:
            answer["resource"] = {"type": int(kind), "message": self._json(original)}
        return answer

    async def follow_up(self, call: Call) -> Json:
        """POST /webhooks/{application}/{token}"""
        interaction = self._interaction(call)
        dots = interaction.original
        if dots is not None and Flag.LOADING in dots.flags:  # the first follow-up takes the place of the dots
            await self._edit(interaction, dots, call.form, call)
            return self._json(dots)
        message = new_message(self.world, interaction.channel, call.form, call.uploads, interaction)
        await self._tell("MESSAGE_CREATE", interaction, message)
        return self._json(message)

    async def get(self, call: Call) -> Json:
        """GET /webhooks/{application}/{token}/messages/{message}"""
        return self._json(self._message(call, self._interaction(call)))

    async def edit(self, call: Call) -> Json:
        """PATCH /webhooks/{application}/{token}/messages/{message}"""
        interaction = self._interaction(call)
        message = self._message(call, interaction)
        await self._edit(interaction, message, call.form, call)
        return self._json(message)

    async def delete(self, call: Call) -> None:
        """DELETE /webhooks/{application}/{token}/messages/{message}"""
        await self.gateway.tell_deleted(self._message(call, self._interaction(call)))

    async def _edit(self, interaction: Interaction, message: Message, payload: Json, call: Call) -> None:
        was_loading = Flag.LOADING in message.flags
        ephemeral = message.flags & Flag.EPHEMERAL  # settled when the message was made
        write(self.world, message, payload, call.uploads)
        message.flags = (message.flags & ~Flag.EPHEMERAL) | ephemeral
        message.edits += not was_loading
        await self._tell("MESSAGE_CREATE" if was_loading else "MESSAGE_UPDATE", interaction, message)

    async def _tell(self, event: MessageEvent, interaction: Interaction, message: Message) -> None:
        interaction.replies.append(message)
        if not message.ephemeral:
            await self.gateway.tell_message(event, message)

    def _json(self, message: Message) -> Json:
        return message_json(self.world, message, readable=True)

    def _interaction(self, call: Call) -> Interaction:
        interaction = self.world.interactions.get(call.text("token"))
        if interaction is None or interaction.callback is None:
            raise unknown("Webhook")
        if interaction.expired:
            raise ApiError(401, 50027, "Invalid Webhook Token")
        return interaction

    def _message(self, call: Call, interaction: Interaction) -> Message:
        if call.text("message") == "@original":
            message = interaction.original
        else:
            message = self.world.messages.get(call.id("message"))
        mine = message is not None and (message.interaction is interaction or message is interaction.message)
        if message is None or message.deleted or not mine:
            raise unknown("Message")
        return message
