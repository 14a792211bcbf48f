"""Which number has EnOS for what a reply says?

Sources: the vendor's documents, `reference/mqtt` (common_param, topology_management); its SDKs.
"""

import enum


class Code(enum.IntEnum):
    """EnOS's numbers."""

    OK = 200
    UNKNOWN = 402
    PARAMETER = 460
    NO_DEVICE = 705
    DISABLED = 723
    NOT_BEHIND = 740
    SIGNATURE = 742
    ACTIVATED = 770
    OFFLINE = 1212
    NOT_JSON = 1220
    EMPTY = 1251
    NOT_ADDED = 1255
    NOT_DELETED = 1256
    METHOD = 1260
