// SPDX-License-Identifier: Apache-2.0
package dev.knarr.operator.reconcile;

import static dev.knarr.operator.reconcile.PlayedCluster.SPEC;
import static dev.knarr.operator.reconcile.PlayedCluster.spec;
import static org.awaitility.Awaitility.await;

import dev.knarr.api.v1alpha1.ConditionReason;
import dev.knarr.operator.Scene;
import io.fabric8.kubernetes.api.model.Service;
import io.fabric8.kubernetes.api.model.admissionregistration.v1.ValidatingAdmissionPolicy;
import io.fabric8.kubernetes.api.model.admissionregistration.v1.ValidatingAdmissionPolicyBinding;
import io.fabric8.kubernetes.api.model.admissionregistration.v1.ValidatingWebhookConfiguration;
import io.fabric8.kubernetes.client.KubernetesClientException;
import java.util.List;

/** What keeps the operator from making what a cluster needs. */
final class ApiReasons {
  private ApiReasons() {}

  static List<ReasonCase> cases() {
    return List.of(
        ReasonCase.of(
            ConditionReason.NAME_TAKEN,
            "Failed",
            cluster -> {
              cluster.add(
                  Service.class,
                  "{ apiVersion: v1, kind: Service, metadata: { name: glm }, spec: { ports: [ { port: 80 } ] } }");
              cluster.create(SPEC);
            },
            "There is a Service named glm already, and it belongs to nobody that Knarr knows. Rename the cluster, or remove that object if nobody needs it."),
        ReasonCase.of(
            ConditionReason.SPEC_INVALID,
            "Failed",
            cluster -> cluster.create(spec("a100, backend: cuda")),
            "spec.workers[0].image: This operator has no image for workers with cuda. Set image in the group, or images.workerCuda in the operator's chart."),
        ReasonCase.of(
            ConditionReason.API_REFUSED,
            "Failed",
            cluster ->
                cluster.create(spec("a100, backend: cpu, nodeSelector: { \"a/b/c\": \"d\" }")),
            "The API server refuses what the cluster needs: StatefulSet.apps \"glm-a100\" is invalid: spec.template.spec.nodeSelector: Invalid value: \"a/b/c\": a qualified name must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]') with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName'). Correct the spec."),
        ReasonCase.of(
                ConditionReason.API_REFUSED,
                "Failed",
                cluster -> {
                  cluster.limit("services");
                  cluster.create(SPEC);
                },
                "The API server refuses what the cluster needs: services \"glm-a100\" is forbidden: exceeded quota: small, requested: services=1, used: services=0, limited: services=0. Raise the quota of the namespace, or ask for less.")
            .as("by-quota"),
        ReasonCase.of(
                ConditionReason.API_REFUSED,
                "Failed",
                cluster -> {
                  forbid(cluster);
                  cluster.create(SPEC);
                },
                "The API server refuses what the cluster needs: services \"glm-a100\" is forbidden: ValidatingAdmissionPolicy 'approved' with binding 'approved' denied request: Nobody has approved it. Change the spec, or the policy that refuses it.")
            .as("by-policy"),
        ReasonCase.of(
            ConditionReason.INTERNAL_ERROR,
            "Pending",
            cluster -> {
              breakAdmission(cluster);
              cluster.create(SPEC);
            },
            "The operator could not do what this cluster needs and tries again: Internal error occurred: failed calling webhook \"policy.example.org\": failed to call webhook: Post \"https://127.0.0.1:1/check?timeout=10s\": dial tcp 127.0.0.1:1: connect: connection refused. Its log says more."));
  }

  private static void forbid(PlayedCluster cluster) {
    cluster
        .client()
        .resource(
            Scene.yaml(
                ValidatingAdmissionPolicy.class,
                """
                apiVersion: admissionregistration.k8s.io/v1
                kind: ValidatingAdmissionPolicy
                metadata: { name: approved }
                spec:
                  matchConstraints:
                    resourceRules:
                      - { apiGroups: [ "" ], apiVersions: [ v1 ], operations: [ CREATE ], resources: [ services ] }
                  validations:
                    - { expression: "'example.org/approved' in object.metadata.?labels.orValue({})", message: "Nobody has approved it." }
                """))
        .create();
    cluster
        .client()
        .resource(
            Scene.yaml(
                ValidatingAdmissionPolicyBinding.class,
                """
                apiVersion: admissionregistration.k8s.io/v1
                kind: ValidatingAdmissionPolicyBinding
                metadata: { name: approved }
                spec:
                  policyName: approved
                  validationActions: [ Deny ]
                  matchResources:
                    namespaceSelector: { matchLabels: { kubernetes.io/metadata.name: %s } }
                """
                    .formatted(cluster.namespace())))
        .create();
    await("the policy is in force").atMost(PlayedCluster.LIMIT).until(() -> refused(cluster));
  }

  private static boolean refused(PlayedCluster cluster) {
    try {
      var service =
          Scene.yaml(
              Service.class,
              "{ apiVersion: v1, kind: Service, metadata: { name: tried, namespace: %s }, spec: { ports: [ { port: 80 } ] } }"
                  .formatted(cluster.namespace()));
      cluster.client().resource(service).dryRun().create();
      return false;
    } catch (KubernetesClientException e) {
      return String.valueOf(e.getMessage()).contains("Nobody has approved it.");
    }
  }

  /** A webhook that everything must pass, and that nobody answers. */
  private static void breakAdmission(PlayedCluster cluster) {
    cluster
        .client()
        .resource(
            Scene.yaml(
                ValidatingWebhookConfiguration.class,
                """
                apiVersion: admissionregistration.k8s.io/v1
                kind: ValidatingWebhookConfiguration
                metadata: { name: broken }
                webhooks:
                  - name: policy.example.org
                    clientConfig: { url: "https://127.0.0.1:1/check" }
                    admissionReviewVersions: [ v1 ]
                    sideEffects: None
                    failurePolicy: Fail
                    namespaceSelector:
                      matchLabels: { kubernetes.io/metadata.name: %s }
                    rules:
                      - { apiGroups: [ apps ], apiVersions: [ v1 ], operations: [ CREATE ], resources: [ statefulsets ] }
                """
                    .formatted(cluster.namespace())))
        .create();
  }
}
