"""Notices to people without an Alertmanager: Slack, mail, webhooks, PagerDuty and all other services of apprise.

Programs get incidents as signed CloudEvents. The extra `notify` installs apprise, which is imported when the first
of its URLs is read.
"""

from driftmeter.notify.destination import Destination
from driftmeter.notify.notice import Drifting, Notice, notices, reminder
from driftmeter.notify.notifier import Notifier, Outcome
from driftmeter.notify.receivers import Receiver, destinations, receiver_of
from driftmeter.notify.webhook import Webhook

__all__ = [
    "Destination",
    "Drifting",
    "Notice",
    "Notifier",
    "Outcome",
    "Receiver",
    "Webhook",
    "destinations",
    "notices",
    "receiver_of",
    "reminder",
]
