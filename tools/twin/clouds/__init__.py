"""Which clouds does the twin know?"""

from tools.twin.clouds.alibaba import Alibaba
from tools.twin.clouds.azure import Azure
from tools.twin.clouds.enos import EnOS
from tools.twin.clouds.watson import Watson

CLOUDS = {"enos": EnOS, "alibaba": Alibaba, "watson": Watson, "azure": Azure}
