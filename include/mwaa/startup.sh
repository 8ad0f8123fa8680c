#!/usr/bin/env bash
# What each of Airflow's processes on Amazon MWAA (scheduler, triggerer, workers, DAG processor, web server) begins with:
# the pipeline's settings as PINPIPE_* variables. They come from the environment's Airflow configuration options, so that
# this file is the same for every environment: `pinpipe.env` is PINPIPE_ENV, `pinpipe.<setting>` is any other setting. A
# deployment may export some before it.
#
# MWAA reads it into a shell of its own (`source`), takes over the variables when it has ended, and starts nothing where
# it does not end: https://docs.aws.amazon.com/mwaa/latest/userguide/using-startup-script.html

_deployed=${PINPIPE_ENV:-}

# MWAA makes AIRFLOW__FOO__BAR of the option foo.bar, as Airflow itself does:
# https://docs.aws.amazon.com/mwaa/latest/userguide/configuring-env-variables.html
for _option in "${!AIRFLOW__PINPIPE__@}"; do
    export "PINPIPE_${_option#AIRFLOW__PINPIPE__}=${!_option}"
done

# Better that nothing starts than that DAGs take themselves to be on a laptop, or work on another environment's data. The
# reason is in the log groups of the components, in the streams startup_script_execution_*.
: "${PINPIPE_ENV:?it is not set: add the Airflow configuration option pinpipe.env, the name of a file in include/environments}"
if [ "${_deployed:-$PINPIPE_ENV}" != "$PINPIPE_ENV" ]; then
    : "${_refused:?$_deployed was deployed, and this is $PINPIPE_ENV by its Airflow configuration option pinpipe.env}"
fi
unset _option _deployed
