"""The bot as a process, against a Discord of our own on loopback. Start reading at `fake_discord.py`."""
