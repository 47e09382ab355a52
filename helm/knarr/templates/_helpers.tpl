{{/* Name of all objects: release and chart, 40 characters at most so that suffixes fit. */}}
{{- define "knarr.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* What selects the operator's pods. Not app.kubernetes.io/name=knarr: that is the clusters' own. */}}
{{- define "knarr.selector" -}}
app.kubernetes.io/name: knarr-operator
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "knarr.labels" -}}
{{ include "knarr.selector" . }}
app.kubernetes.io/component: operator
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{- define "knarr.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{- .Values.serviceAccount.name | default (include "knarr.fullname" .) -}}
{{- else -}}
{{- required "serviceAccount.create is false: set serviceAccount.name to one that is there." .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{/* The name of an image, nothing for one without repository. Takes a list: the root, the key below images. */}}
{{- define "knarr.image" -}}
{{- $root := index . 0 -}}
{{- $image := index $root.Values.images (index . 1) -}}
{{- if $image.repository -}}
{{- $name := list ($root.Values.global.imageRegistry | default $image.registry) $image.repository | compact | join "/" -}}
{{- $tag := $image.tag -}}
{{- if not (or $image.tag $image.digest) -}}
{{- $tag = $root.Chart.AppVersion -}}
{{- end -}}
{{- if $tag }}{{ $name = printf "%s:%s" $name $tag }}{{ end -}}
{{- if $image.digest }}{{ $name = printf "%s@%s" $name $image.digest }}{{ end -}}
{{- $name -}}
{{- end -}}
{{- end -}}
