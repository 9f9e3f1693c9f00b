"""What `/about` and `/privacy` say, and the two buttons with which a person decides about their avatar."""

import discord
from discord import ui

import rvs
from rvs.discord_app.delivery import Outgoing

AGREE = "look:consent:agree"
WITHDRAW = "look:consent:withdraw"
"""The `custom_id` of the two buttons."""

AGREED = "Others may now search by your avatar. You can withdraw that at any time with `/privacy`."
WITHDRAWN = "Nobody can search by your avatar now, except you. Your id has been deleted from my list."


def about_message(prefix: str) -> Outgoing:
    """What the bot is and how to ask it."""
    words = f"""### Who do I look like?
I find the faces in a photo and show whom they resemble, out of a gallery of known people.
- `/lookalike` with a photo, or `{prefix}lookalike` with one attached, or as a reply to one
- right-click a message, then Apps, Find lookalikes
- right-click a person, then Apps, Lookalikes of this avatar
- `/compare` two photos"""
    # A text of its own: below a list it would count as part of the last item.
    more = f"""**The percentage** says how many pairs of strangers are less alike. I say *resembles*, \
never *is*: most people who ask are not in the gallery. `/privacy` says what happens to photos.
-# Lookalike {rvs.__version__}"""
    return Outgoing(layout=lambda: _view(ui.TextDisplay(words), ui.TextDisplay(more)))


def privacy_message(*, agreed: bool) -> Outgoing:
    """What happens to photos, and whether the person's avatar may be searched by others."""
    state = (
        "**Others may** search by your avatar." if agreed else "**Nobody but you** may search by your avatar."
    )
    words = """### What happens to a photo
- I look only at photos that somebody hands me: attached, replied to, or picked from a menu.
- A photo stays in memory until it is answered, less than a second as a rule. It is not stored and not logged.
- The answer shows the face that was asked with. Whoever asked can delete it. After `/lookalike` it also carries \
the photo, so that its buttons work.
- I keep one thing: the ids of people who agreed that others may search by their avatar."""
    button: ui.Button[ui.LayoutView] = (
        ui.Button(label="Withdraw", custom_id=WITHDRAW, style=discord.ButtonStyle.danger)
        if agreed
        else ui.Button(label="Let others search by my avatar", custom_id=AGREE)
    )
    return Outgoing(layout=lambda: _view(ui.TextDisplay(words), ui.TextDisplay(state), ui.ActionRow(button)))


def _view(*parts: ui.Item[ui.LayoutView]) -> ui.LayoutView:
    view = ui.LayoutView(timeout=None)
    view.add_item(ui.Container(*parts))
    return view
