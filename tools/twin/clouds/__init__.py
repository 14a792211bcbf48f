"""Which clouds does the twin know?"""

from tools.twin.clouds.alibaba.mqtt import Alibaba
from tools.twin.clouds.azure.mqtt import Azure
from tools.twin.clouds.enos.mqtt import EnOS
from tools.twin.clouds.watson.mqtt import Watson

CLOUDS = {"enos": EnOS, "alibaba": Alibaba, "watson": Watson, "azure": Azure}
