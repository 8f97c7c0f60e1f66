"""What the facts of a trunk test mean, in the words of somebody who has to mend it. Pure; no I/O."""

from __future__ import annotations

from collections.abc import Mapping

from ivr.call import NEARLY_ALL
from ivr.probe_facts import Account, Agreement, Finding, Reply, Sounded, Verdict

_PERSONS: Mapping[int, str] = {
    408: "did not answer in time",
    480: "can't be reached at this moment",
    486: "is busy",
    487: "did not answer in time",
    600: "is busy",
    603: "declined the call",
    607: "declined the call",
}
_MUCH_LOST = 0.05


def reply(found: Reply, account: Account) -> Finding:
    """A REGISTER, an OPTIONS or the INVITE of the test call."""
    if found.link is not None:
        return Finding(found.method, Verdict.FAULT, _link(found))
    if found.status is None:
        return Finding(found.method, Verdict.FAULT, _silence(found))
    answer = f"{found.status} {found.phrase}".strip()
    if found.status < 300:
        return Finding(found.method, Verdict.GOOD, f"{answer} after {found.seconds * 1000:.0f} ms")
    refused = _refused(found, account)
    if found.warning:
        refused += f" The other side adds: {found.warning}."
    if found.method == "OPTIONS" and found.status < 500 and found.status not in (401, 403, 407):
        return Finding("OPTIONS", Verdict.NOTE, f"{answer}: it is there, and says no more to OPTIONS.")
    return Finding(found.method, Verdict.FAULT, refused)


def _link(found: Reply) -> str:
    where = found.link or ""
    what = "TLS" if "certificate" in where or "TLS" in where else "refused" if "refused" in where else "connection"
    return f"{what}: {where}."


def _silence(found: Reply) -> str:
    if found.unreachable:
        return (
            f"refused: {found.to} says by ICMP that nothing listens there. Is the port right, and is it UDP that the "
            "provider wants? (proxy = …;transport=tcp or tls)"
        )
    return (
        f"no answer: {found.to} said nothing to {found.method} in {found.seconds:.0f} s. A firewall on the way, a wrong "
        "address, or a provider that is silent to addresses it does not know: have this machine's address listed there."
    )


def _refused(found: Reply, account: Account) -> str:
    """Why the other side said no."""
    answer = f"{found.status} {found.phrase}".strip()
    status = found.status or 0
    if status in (401, 407):
        return _unproved(answer, account)
    if status == 403:
        if found.challenges:
            return f"credentials: {answer} after the digest: it knows the account and refuses the password, or bars it."
        return (
            f"not allowed: {answer} without asking for a password. It does not know this machine's address, or it does "
            f"not take what we show: caller_id {account.caller_id}, from_user and from_domain."
        )
    if status in (488, 606, 415):
        return (
            f"codec: {answer}: it takes none of {', '.join(account.codecs)} as offered with srtp = {account.srtp}. Set "
            "codecs and srtp to what the provider names."
        )
    if status in (404, 410, 484, 604) and found.method == "INVITE":
        return (
            f"number: {answer}: it does not know the number as dialled. Is dial_format = {account.dial_format} right?"
        )
    if status in (404, 410) and found.method == "REGISTER":
        return f"account: {answer}: the registrar does not know us; check username, from_user and from_domain."
    if status in _PERSONS and found.method == "INVITE":
        return f"nobody: {answer}: the trunk works, but who was called {_PERSONS[status]}; sound was not tested."
    if status >= 500:
        return f"trunk: {answer}: the provider's own fault, or too many calls at once."
    return f"refused: {answer}."


def _unproved(answer: str, account: Account) -> str:
    if account.username is None or not account.has_password:
        return f"credentials: {answer}: it asks for a username and a password, and the configuration has none."
    return f"credentials: {answer} again after the digest: username {account.username} or its password is not right."


def agreement(found: Agreement, account: Account) -> Finding:
    """The codec, and which way sound may go."""
    offered = ", ".join(account.codecs)
    if found.fault is not None:
        return Finding("codec", Verdict.FAULT, f"codec: it answered, but {found.fault} (offered: {offered}).")
    keys = f"keys as telephone-event {found.telephone_event}" if found.telephone_event else "keys as tones"
    words = (
        f"offered {offered}; accepted {found.codec} at {found.packet_milliseconds} ms, {keys}; sound at {found.host}"
    )
    if found.direction != "sendrecv":
        return Finding(
            "codec", Verdict.FAULT, f"{words}. one way: its answer allows {found.direction} only (as we see it)."
        )
    if found.private_host:
        words += ". Its address for sound is a private one: behind NAT nothing will reach it"
        return Finding("codec", Verdict.NOTE, f"{words}.")
    return Finding("codec", Verdict.GOOD, f"{words}.")


def encryption(found: Agreement, account: Account) -> list[Finding]:
    """Nothing where `srtp` is off; a trunk that requires it and does not get it has no agreement to speak of."""
    if account.srtp == "off":
        return []
    if found.suite is not None:
        return [Finding("SRTP", Verdict.GOOD, f"encrypted both ways: {found.suite}.")]
    words = f"not encrypted: srtp = {account.srtp}, and the other side answered in the clear."
    return [Finding("SRTP", Verdict.NOTE, words)]


def sounded(found: Sounded) -> list[Finding]:
    """Sound both ways, and keys both ways."""
    findings = [_from_them(found), *_to_them(found), _keys(found)]
    if found.dropped:
        findings.append(Finding("call", Verdict.NOTE, "The other side hung up before the test was over."))
    return findings


def _from_them(found: Sounded) -> Finding:
    if found.received == 0:
        if found.reported_lost is not None and found.reported_lost > NEARLY_ALL * found.sent:
            why = "no audio: nothing came, and their reports say that our sound does not arrive either."
        elif found.reported_lost is not None:
            why = "one-way audio: its reports say that our sound arrives, and nothing comes back."
        elif found.digits_heard:
            why = "one-way audio: keys came by INFO and no sound."
        else:
            why = f"no audio: we sent {found.sent} packets, nothing came, and no report says that ours arrive."
        hint = " Are [rtp] ports open to us in the firewall, and is [rtp] advertise the address that they see?"
        return Finding("hearing", Verdict.FAULT, why + hint)
    packets = f"{found.received} packets came, {found.lost} lost, jitter {found.jitter:.1f} ms"
    if found.lost > _MUCH_LOST * (found.received + found.lost):
        return Finding("hearing", Verdict.FAULT, f"loss: {packets}; speech breaks up above 5 %.")
    if found.level is None:
        return Finding("hearing", Verdict.NOTE, f"{packets}; they hold silence. Is it a phone with its sound off?")
    return Finding("hearing", Verdict.GOOD, f"{packets}, {found.level:.0f} dBm0.")


def _to_them(found: Sounded) -> list[Finding]:
    if found.received == 0:
        return []
    if found.tone_back:
        return [Finding("speaking", Verdict.GOOD, "our test tone came back: they hear us.")]
    if found.reported_lost is None:
        unknown = "the other side sends no RTCP reports and no echo: ask whoever answered whether they heard the tone."
        return [Finding("speaking", Verdict.NOTE, unknown)]
    if found.reported_lost > NEARLY_ALL * found.sent:
        return [Finding("speaking", Verdict.FAULT, "one-way audio: their reports say that our sound does not arrive.")]
    if found.reported_lost > _MUCH_LOST * found.sent:
        words = f"loss: their reports say that {found.reported_lost} of {found.sent} packets were lost on the way."
        return [Finding("speaking", Verdict.FAULT, words)]
    words = f"their reports say that our sound arrives ({found.reported_lost} of {found.sent} packets lost)."
    return [Finding("speaking", Verdict.GOOD, words)]


def _keys(found: Sounded) -> Finding:
    if found.digits_sent and found.digits_sent in found.digits_heard:
        return Finding("keys", Verdict.GOOD, f"{found.digits_sent} was sent and came back: keys pass both ways.")
    if found.digits_heard:
        return Finding(
            "keys", Verdict.GOOD, f"heard {found.digits_heard}; sent {found.digits_sent}, which did not come back."
        )
    return Finding(
        "keys", Verdict.NOTE, f"sent {found.digits_sent}; none came. Press some, or call a number that echoes."
    )
