"""Numbers of SMPP 3.4: command ids (§5.1.2.1), optional parameters (§5.3), esm_class and registered_delivery bits. No I/O.

From smpplib's tables where it has them.
"""

from __future__ import annotations

from typing import Final

from smpplib import command_codes, consts

_CODES = command_codes.commands
_TAGS = consts.OPTIONAL_PARAMS

GENERIC_NACK: Final = int(_CODES["generic_nack"])
BIND_RECEIVER: Final = int(_CODES["bind_receiver"])
BIND_TRANSMITTER: Final = int(_CODES["bind_transmitter"])
QUERY_SM: Final = int(_CODES["query_sm"])
SUBMIT_SM: Final = int(_CODES["submit_sm"])
DELIVER_SM: Final = int(_CODES["deliver_sm"])
UNBIND: Final = int(_CODES["unbind"])
REPLACE_SM: Final = int(_CODES["replace_sm"])
CANCEL_SM: Final = int(_CODES["cancel_sm"])
BIND_TRANSCEIVER: Final = int(_CODES["bind_transceiver"])
OUTBIND: Final = int(_CODES["outbind"])
ENQUIRE_LINK: Final = int(_CODES["enquire_link"])
ALERT_NOTIFICATION: Final = int(_CODES["alert_notification"])
DATA_SM: Final = int(_CODES["data_sm"])

NAMES: Final[dict[int, str]] = {int(code): str(word) for word, code in _CODES.items()}


def name(command_id: int) -> str:
    """The command's name for a log line or a trace."""
    return NAMES.get(command_id, f"command 0x{command_id:08x}")


RECEIPTED_MESSAGE_ID: Final = int(_TAGS["receipted_message_id"])
USER_MESSAGE_REFERENCE: Final = int(_TAGS["user_message_reference"])
SAR_REFERENCE: Final = int(_TAGS["sar_msg_ref_num"])
SAR_TOTAL: Final = int(_TAGS["sar_total_segments"])
SAR_SEQUENCE: Final = int(_TAGS["sar_segment_seqnum"])
MESSAGE_PAYLOAD: Final = int(_TAGS["message_payload"])
MESSAGE_STATE: Final = int(_TAGS["message_state"])
NETWORK_ERROR_CODE: Final = int(_TAGS["network_error_code"])
SC_INTERFACE_VERSION: Final = int(_TAGS["sc_interface_version"])
CONGESTION_STATE: Final = 0x0428
"""SMPP 5.0 §4.8.4.18: 0 idle to 99, 100 congested."""

VERSION: Final = int(consts.SMPP_VERSION_34)
TON_UNKNOWN: Final = int(consts.SMPP_TON_UNK)
TON_INTERNATIONAL: Final = int(consts.SMPP_TON_INTL)
TON_ALPHANUMERIC: Final = int(consts.SMPP_TON_ALNUM)
TON_NETWORK: Final = int(consts.SMPP_TON_NWSPEC)
NPI_UNKNOWN: Final = int(consts.SMPP_NPI_UNK)
NPI_ISDN: Final = int(consts.SMPP_NPI_ISDN)

CODING_DEFAULT: Final = int(consts.SMPP_ENCODING_DEFAULT)
CODING_ASCII: Final = int(consts.SMPP_ENCODING_IA5)
CODING_LATIN1: Final = int(consts.SMPP_ENCODING_ISO88591)
CODING_UCS2: Final = int(consts.SMPP_ENCODING_ISO10646)

UDH_INDICATOR: Final = int(consts.SMPP_GSMFEAT_UDHI)
MESSAGE_TYPE: Final = 0x3C
RECEIPT_TYPE: Final = 0x04
INTERMEDIATE_TYPE: Final = 0x20
RECEIPT_WANTED: Final = int(consts.SMPP_SMSC_DELIVERY_RECEIPT_BOTH)
