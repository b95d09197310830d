// A monitoring mixin: (import 'grafana/mixin.libsonnet') beside kube-prometheus's other mixins.
// Rules and dashboards are the files beside this one; `costmeter rules prometheus/rules --force` sets other limits.
local groups(text) = { groups+: std.parseYaml(text).groups };

{
  prometheusRules+:: groups(importstr 'prometheus/rules/costmeter-recording.yml'),
  prometheusAlerts+:: groups(importstr 'prometheus/rules/costmeter-alerts.yml'),
  grafanaDashboards+:: {
    'costmeter-cost.json': import 'dashboards/costmeter-cost.json',
    'costmeter-fit.json': import 'dashboards/costmeter-fit.json',
    'costmeter-fleet.json': import 'dashboards/costmeter-fleet.json',
  },
}
