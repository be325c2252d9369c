# The stages as a cluster's owner has them whose own hosts show certificates of their own authority.
FROM localhost/repoloom/stages:test
USER 0
COPY ca.crt /usr/local/share/ca-certificates/repoloom-test.crt
RUN update-ca-certificates
USER 65532:65532
