"""Mapping templates: the Velocity Template Language as API Gateway executes it.

``airspeed-ext`` parses templates and runs directives; this package adds what makes them AWS': the variables
``$input``, ``$util``, ``$context`` and ``$stageVariables``, values that behave and are written as Java's do, and
JSONPath. A template that asks for more is refused when it is deployed.

Source: https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-mapping-template-reference.html
"""

from local.gateway.vtl.template import RenderError, Template
from local.gateway.vtl.values import JavaMap, UnsupportedTemplateError
from local.gateway.vtl.variables import ResponseOverride, namespace

__all__ = ["JavaMap", "RenderError", "ResponseOverride", "Template", "UnsupportedTemplateError", "namespace"]
