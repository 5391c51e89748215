"""PURE: bytes and values in, values out. No os, time, asyncio, threading, sqlite3 or file here; a test enforces it."""
