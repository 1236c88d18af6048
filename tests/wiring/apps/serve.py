"""A program that becomes a server with workers: `python serve.py PORT`."""

import sys

import uvicorn

if __name__ == "__main__":
    uvicorn.run("web:asgi", port=int(sys.argv[1]), workers=2, log_level="warning")
