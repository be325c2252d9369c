{{/* Names: the release's, which is usually the chart's. */}}
{{- define "repoloom.name" -}}
{{- $name := contains "repoloom" .Release.Name | ternary .Release.Name (printf "%s-repoloom" .Release.Name) -}}
{{- $name | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{- define "repoloom.labels" -}}
app.kubernetes.io/name: repoloom
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: repoloom
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | quote }}
{{- end -}}

{{/* What selects the pods of a component: list . "operator". */}}
{{- define "repoloom.selector" -}}
{{- $root := index . 0 -}}
app.kubernetes.io/name: repoloom
app.kubernetes.io/instance: {{ $root.Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end -}}

{{- define "repoloom.annotations" -}}
{{ .Values.commonAnnotations | toYaml }}
{{- end -}}

{{- define "repoloom.crdAnnotations" -}}
{{ .Values.crds.keep | ternary (dict "helm.sh/resource-policy" "keep") dict | merge (deepCopy .Values.crds.annotations) | toYaml }}
{{- end -}}

{{/* Name and namespace, labels and annotations of an object: list . name [namespace]. */}}
{{- define "repoloom.metadata" -}}
{{- $root := index . 0 -}}
name: {{ index . 1 }}
namespace: {{ len . | eq 3 | ternary (last .) $root.Release.Namespace }}
labels: {{- include "repoloom.labels" $root | nindent 2 }}
annotations: {{- include "repoloom.annotations" $root | nindent 2 }}
{{- end -}}

{{- define "repoloom.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
seccompProfile: {type: RuntimeDefault}
{{- end -}}

{{- define "repoloom.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end -}}

{{/* The settings, with the bundled object store where there is one and no other is named. */}}
{{- define "repoloom.config" -}}
{{- $config := deepCopy .Values.config -}}
{{- if not $config.images -}}
{{- fail "config.images: the images that stages run in, `stages` and `train`" -}}
{{- end -}}
{{- if not $config.objectStore -}}
{{- if not .Values.minio.enabled -}}
{{- fail "config.objectStore: where artifacts and results lie (for a trial: minio.enabled)" -}}
{{- end -}}
{{- $endpoint := printf "http://%s-minio.%s.svc:9000" (include "repoloom.name" .) .Release.Namespace -}}
{{- $_ := set $config "objectStore" (dict "endpoint" $endpoint "bucket" "repoloom") -}}
{{- end -}}
{{ toYaml $config }}
{{- end -}}

{{- define "repoloom.storeSecret" -}}
{{ dig "secretName" "repoloom-object-store" (include "repoloom.config" . | fromYaml).objectStore }}
{{- end -}}

{{/* The object store as the command line takes it: what ObjectStore.url of the settings' type says. */}}
{{- define "repoloom.storeUrl" -}}
{{- $store := (include "repoloom.config" . | fromYaml).objectStore -}}
{{- $query := list -}}
{{- with $store.endpoint -}}
{{- $query = append $query (printf "endpoint=%s" (. | urlquery | replace "%2F" "/" | replace "%3A" ":" | replace "%5B" "[" | replace "%5D" "]")) -}}
{{- end -}}
{{- $query = append $query (printf "region=%s" (dig "region" "us-east-1" $store)) -}}
{{- $query = append $query (dig "addressing" "Path" $store | eq "Path" | ternary "addressing=path" "addressing=virtual") -}}
{{- printf "s3://%s/%s?%s" $store.bucket (dig "prefix" "repoloom" $store | urlquery | replace "+" "%20" | replace "%2F" "/") (join "&" $query) -}}
{{- end -}}

{{/* The object store's credential as environment, from the Secret in the pod's own namespace. */}}
{{- define "repoloom.storeCredential" -}}
{{- $secret := include "repoloom.storeSecret" . -}}
{{- range list "AWS_ACCESS_KEY_ID" "AWS_SECRET_ACCESS_KEY" }}
- name: {{ . }}
  valueFrom:
    secretKeyRef: {name: {{ $secret }}, key: {{ . }}}
{{- end }}
{{- end -}}
