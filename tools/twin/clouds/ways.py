"""Which clouds are there by HTTP and by CoAP, beside MQTT?"""

from collections.abc import Mapping

from tools.twin.clouds import coap_request, http_request
from tools.twin.clouds.alibaba.coap import AlibabaCoap
from tools.twin.clouds.alibaba.http import AlibabaHttp
from tools.twin.clouds.watson.http import WatsonHttp

HTTP: Mapping[str, type[http_request.Rules]] = {"alibaba": AlibabaHttp, "watson": WatsonHttp}
COAP: Mapping[str, type[coap_request.Rules]] = {"alibaba": AlibabaCoap}
