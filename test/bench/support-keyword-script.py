"""The script of the article, rebuilt from its description: every 30 s it reads the last lines of every running container
and looks for sixteen keywords. The article's script then asks a model; this one only prints what it found."""

import sys
import time

import docker

KEYWORDS = (
    "error", "exception", "fatal", "critical", "panic", "traceback", "failed", "failure",
    "out of memory", "oom", "killed", "segfault", "connection refused", "timeout", "denied", "unhealthy",
)
INTERVAL_S = 30
prefix = sys.argv[1]
client = docker.from_env()
seen = set()
while True:
    for container in client.containers.list():
        if not container.name.startswith(prefix):
            continue
        text = container.logs(tail=100).decode("utf-8", "replace")
        for line in text.splitlines():
            lower = line.lower()
            if any(keyword in lower for keyword in KEYWORDS) and (container.id, line) not in seen:
                seen.add((container.id, line))
                print(container.name, line, flush=True)
    time.sleep(INTERVAL_S)
