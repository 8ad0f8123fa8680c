#!/bin/bash
# Makes an instance of Amazon Linux 2023 a REST proxy at its first start. What it says is in
# /var/log/cloud-init-output.log; it ends at the first thing that fails, and the instance is never healthy then.
set -euo pipefail

fetch() { # address, file, sha256 (empty: not compared)
  case "$1" in
    s3://*) aws s3 cp --region '<<region>>' --only-show-errors "$1" "$2" ;;
    *) curl --fail --silent --show-error --location --proto =https --retry 5 --retry-all-errors --output "$2" "$1" ;;
  esac
  if [ -n "$3" ]; then
    echo "$3  $2" | sha256sum --check --quiet
  fi
}

dnf install --assumeyes --quiet java-17-amazon-corretto-headless tar gzip

id kafka-rest > /dev/null 2>&1 || useradd --system --no-create-home --shell /sbin/nologin kafka-rest
install --directory --mode 0755 /opt/kafka-rest/confluent /opt/kafka-rest/iam /etc/kafka-rest
install --directory --mode 0750 --owner kafka-rest --group kafka-rest /var/log/kafka-rest

# Not to /tmp, which is memory.
fetch '<<package>>' /var/tmp/confluent.tar.gz '<<package_checksum>>'
tar --extract --gzip --file /var/tmp/confluent.tar.gz --directory /opt/kafka-rest/confluent --strip-components 1 \
  --no-same-owner
rm /var/tmp/confluent.tar.gz
fetch '<<iam_jar>>' /opt/kafka-rest/iam/aws-msk-iam-auth.jar '<<iam_jar_checksum>>'
chmod 0644 /opt/kafka-rest/iam/aws-msk-iam-auth.jar

cat > /etc/kafka-rest/kafka-rest.properties << 'END_OF_PROPERTIES'
<<properties>>
END_OF_PROPERTIES
cat > /etc/systemd/system/kafka-rest.service << 'END_OF_UNIT'
<<unit>>
END_OF_UNIT

systemctl daemon-reload
systemctl enable --now kafka-rest.service
