"""Discord's file server: attachments behind signed links, avatars; slow, short, endless or elsewhere on order."""

import asyncio
import io

from aiohttp import web
from PIL import Image

from tests.transport.call import Call
from tests.transport.payloads import signature
from tests.transport.world import World

PIECE = 1024


class Cdn:
    """Its routes answer with the response itself."""

    def __init__(self, world: World) -> None:
        self.world = world

    async def attachment(self, call: Call) -> web.StreamResponse:
        """GET /attachments/{channel}/{attachment}/{name}, and /ephemeral-attachments/..."""
        found = self.world.attachments.get(call.id("attachment"))
        signed = found is not None and call.request.query.get("hm") == signature(found.id)
        if found is None or not signed or found.channel_id != call.id("channel"):
            return web.Response(status=404, text="This content is no longer available.")
        return await self._send(call, found.data, found.content_type or "application/octet-stream")

    async def avatar(self, call: Call) -> web.StreamResponse:
        """GET /avatars/{user}/{hash}.png"""
        user = self.world.users.get(call.id("user"))
        if user is None or user.avatar is None or user.avatar_hash != call.text("hash"):
            return web.Response(status=404)
        return await self._send(call, user.avatar, "image/png")

    async def default_avatar(self, call: Call) -> web.StreamResponse:
        """GET /embed/avatars/{index}.png: a plain square"""
        square = io.BytesIO()
        Image.new("RGB", (128, 128), (88, 101, 242)).save(square, "PNG")
        return await self._send(call, square.getvalue(), "image/png")

    async def _send(self, call: Call, data: bytes, content_type: str) -> web.StreamResponse:
        fault = call.fault
        if fault is None or not (fault.trickle_s or fault.extra_bytes or fault.announce_bytes is not None):
            return web.Response(body=data, content_type=content_type)
        response = web.StreamResponse(headers={"Content-Type": content_type})
        if fault.announce_bytes is not None:
            response.content_length = fault.announce_bytes
        elif not fault.extra_bytes:
            response.content_length = len(data)
        response.force_close()
        await response.prepare(call.request)
        try:
            await self._write(response, data + b"\0" * fault.extra_bytes, fault.trickle_s)
        except ConnectionError:  # the bot had enough
            return response
        if fault.announce_bytes is not None and fault.announce_bytes > len(data) and call.request.transport:
            call.request.transport.close()
        return response

    async def _write(self, response: web.StreamResponse, data: bytes, pause_s: float) -> None:
        if not pause_s:
            await response.write(data)
            return
        for start in range(0, len(data), PIECE):
            await response.write(data[start : start + PIECE])
            await asyncio.sleep(pause_s)
