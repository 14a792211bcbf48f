"""How do devices of a trace prove who they are when it is played again, with new secrets?"""

from collections.abc import Mapping

from tools.twin.clouds.alibaba.again import AlibabaAgain
from tools.twin.clouds.azure.again import AzureAgain
from tools.twin.clouds.enos.again import EnosAgain
from tools.twin.clouds.proof import Again
from tools.twin.clouds.watson.again import WatsonAgain

AGAIN: Mapping[str, type[Again]] = {
    "enos": EnosAgain,
    "alibaba": AlibabaAgain,
    "watson": WatsonAgain,
    "azure": AzureAgain,
}
"""By cloud."""
