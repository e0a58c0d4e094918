"""A device that loses nothing: it keeps every message until the database has it.

Needs paho-mqtt 2 and nothing else. Set the three names below, or the environment variables of the same
names, and put your sensor into `measure`.
"""

import json
import os
import sqlite3
import time
import uuid

import paho.mqtt.client as mqtt

BROKER = os.environ.get("BROKER", "127.0.0.1:18830")
DEVICE = os.environ.get("DEVICE", "my-station")
PASSWORD = os.environ.get("PASSWORD", "")
PERIOD_S = float(os.environ.get("PERIOD_S", "60"))
COUNT = int(os.environ.get("COUNT", "0"))  # how many samples to take; 0: for ever
RESEND_S = float(os.environ.get("RESEND_S", "20"))  # what is not committed by then is sent again
WINDOW = 200  # messages on their way at once


def measure() -> dict[str, float]:
    """Your sensor: quantities and units as the device's kind lists them."""
    return {"air_temperature": 21.5, "relative_humidity": 64.0}


# The buffer lies on disk: it survives a power cut. `boot` and `seq` name each message for ever.
disk = sqlite3.connect(os.environ.get("BUFFER", f"{DEVICE}.sqlite"))
disk.execute("CREATE TABLE IF NOT EXISTS unsent (boot TEXT, seq INTEGER, body TEXT, PRIMARY KEY (boot, seq))")
boot, seq = uuid.uuid4().hex[:12], 0  # a new boot counts from 1 again
sent_at: dict[tuple[str, int], float] = {}


def keep(values: dict[str, float]) -> None:
    """Write a sample to the buffer before anything else."""
    global seq
    seq += 1
    body = json.dumps({"boot": boot, "seq": seq, "at": int(time.time() * 1000), "values": values})
    with disk:
        disk.execute("INSERT INTO unsent VALUES (?, ?, ?)", (boot, seq, body))


def forget(client: mqtt.Client, userdata: object, message: mqtt.MQTTMessage) -> None:
    """Drop what the database has: all of that boot up to `seq`."""
    committed = json.loads(message.payload)
    with disk:
        disk.execute("DELETE FROM unsent WHERE boot = ? AND seq <= ?", (committed["boot"], committed["seq"]))
    for key in [k for k in sent_at if k[0] == committed["boot"] and k[1] <= committed["seq"]]:
        del sent_at[key]


def send(client: mqtt.Client) -> None:
    """Send what was never sent, and again what was not committed in time; oldest first."""
    now = time.monotonic()
    waiting = disk.execute("SELECT boot, seq, body FROM unsent ORDER BY rowid LIMIT ?", (WINDOW,)).fetchall()
    for old_boot, number, body in waiting:
        if now - sent_at.get((old_boot, number), -RESEND_S) >= RESEND_S:
            client.publish(f"chiiki/v1/{DEVICE}/up/readings", body, qos=1)
            sent_at[old_boot, number] = now


def connected(client: mqtt.Client, userdata: object, flags: object, reason: object, props: object) -> None:
    """After every connect: listen for `committed`, and ask how far the database is."""
    if reason.is_failure:
        print(f"the broker at {BROKER} does not let {DEVICE} in: {reason}")
        return
    sent_at.clear()  # the broker may have lost what it acknowledged
    client.subscribe(f"chiiki/v1/{DEVICE}/down/committed", qos=1)
    status = {"online": True, "boot": boot, "ask": "committed"}
    client.publish(f"chiiki/v1/{DEVICE}/up/status", json.dumps(status), qos=1, retain=True)


def make_client() -> mqtt.Client:
    """Make the client; the loop below connects it."""
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id=DEVICE)
    client.username_pw_set(DEVICE, PASSWORD)
    # client.tls_set()  # where the broker speaks TLS, which it must outside of this machine
    client.will_set(f"chiiki/v1/{DEVICE}/up/status", json.dumps({"online": False}), qos=1, retain=True)
    client.on_connect, client.on_message = connected, forget
    host, _, port = BROKER.partition(":")
    client.connect_async(host, int(port or 1883), keepalive=30)
    return client


def unsent() -> int:
    return int(disk.execute("SELECT count(*) FROM unsent").fetchone()[0])


client = make_client()
next_at = time.monotonic()
while COUNT == 0 or seq < COUNT or unsent():
    if time.monotonic() >= next_at and (COUNT == 0 or seq < COUNT):
        keep(measure())
        next_at = time.monotonic() + PERIOD_S
    if client.is_connected():
        send(client)
    if client.loop(timeout=min(0.2, PERIOD_S)) != mqtt.MQTT_ERR_SUCCESS:
        time.sleep(min(1, PERIOD_S))
        try:
            client.reconnect()
        except OSError as problem:
            print(f"no broker at {BROKER}: {problem}; keeping {unsent()} messages")
last = client.publish(f"chiiki/v1/{DEVICE}/up/status", json.dumps({"online": False}), qos=1, retain=True)
while not last.is_published() and client.loop(timeout=0.2) == mqtt.MQTT_ERR_SUCCESS:
    pass
client.disconnect()
