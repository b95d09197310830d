{{/* What the init container and the server share, so that what is checked is what starts. */}}
{{- define "costmeter.container" }}
image: {{ .image }}
args:
  - {{ .model | quote }}
  {{- range .flags }}
  - {{ . | quote }}
  {{- end }}
  - --port=8000
  - --plugin=costmeter
  - --gpu-hourly-usd={{ .gpuHourlyUsd }}
env:
  - name: HF_HOME
    value: /cache/huggingface
  - name: HF_TOKEN
    valueFrom:
      secretKeyRef:
        name: hugging-face
        key: token
        optional: true
resources:
  limits:
    nvidia.com/gpu: {{ .gpus | quote }}
volumeMounts:
  - name: cache
    mountPath: /cache
  - name: shared-memory
    mountPath: /dev/shm
{{- end }}
