"""Stand-in for Amazon API Gateway's REST APIs: completes ministack's control plane and executes what was deployed.

ministack keeps all state. What it lacks of the control plane (importing OpenAPI documents, request validators, key
values, deployments that are snapshots) is added in front of it, so AWS' own clients find what they expect:
``AWS_ENDPOINT_URL_API_GATEWAY`` points here, ``AWS_ENDPOINT_URL`` at ministack.

Integrations of type HTTP_PROXY go to their endpoint; those of type AWS go through their mapping templates
(:mod:`local.gateway.vtl`) to the service at ``AWS_ENDPOINT_URL``.

Not executed, as the project uses none of it: quotas, throttling of single methods, authorizers, caching, stage
variables outside of templates, canaries. A method that asks for what is not executed is answered 501.
"""
