// SPDX-License-Identifier: Apache-2.0
package dev.knarr.operator.reconcile;

import static org.assertj.core.api.Assertions.assertThat;

import dev.knarr.api.v1alpha1.ConditionReason;
import dev.knarr.operator.dependent.NameTakenException;
import io.fabric8.kubernetes.api.model.ServiceBuilder;
import io.fabric8.kubernetes.api.model.StatusBuilder;
import io.fabric8.kubernetes.client.KubernetesClientException;
import io.javaoperatorsdk.operator.AggregatedOperatorException;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** What {@code ReasonsIT} does not show: which of several failures is told, and what is none. */
class RefusalsTest {
  private final Exception later = refused(422, "services \"glm-b\" is invalid.");
  private final Exception earlier = refused(422, "services \"glm-a\" is invalid.");

  @Test
  void whenSeveralAreRefused_thenItIsAlwaysTheSameOneThatIsTold() {
    var told =
        new Notice(
            ConditionReason.API_REFUSED,
            "The API server refuses what the cluster needs: services \"glm-a\" is invalid. Correct the spec.");

    assertThat(Refusals.of(List.of(later, earlier))).hasValue(told);
    assertThat(Refusals.of(List.of(earlier, later))).hasValue(told);
  }

  @Test
  void whenANameIsTaken_thenThatIsToldFirst() {
    var taken =
        NameTakenException.of(
            new ServiceBuilder().withNewMetadata().withName("glm").endMetadata().build());

    assertThat(Refusals.of(List.of(earlier, taken)))
        .hasValueSatisfying(
            notice -> assertThat(notice.reason()).isEqualTo(ConditionReason.NAME_TAKEN));
  }

  @Test
  void whenTheOperatorLacksARight_thenTheRemedyIsNotInTheSpec() {
    var forbidden =
        refused(
            403,
            "services \"glm\" is forbidden: User \"knarr\" cannot patch resource \"services\" in API group \"\" in the namespace \"ai\"");

    assertThat(Refusals.of(List.of(forbidden)))
        .hasValueSatisfying(
            notice ->
                assertThat(notice.message())
                    .endsWith(
                        "in the namespace \"ai\". Give the operator this right: the chart of its version does."));
  }

  @Test
  void whenItMayPass_thenItIsNoRefusalAndIsQuotedFromWithinAWorkflow() {
    var failed = refused(500, "etcdserver: request timed out");

    assertThat(Refusals.of(List.of(failed, new IllegalStateException("x")))).isEmpty();
    assertThat(Refusals.rootOf(new AggregatedOperatorException("y", Map.of("workers", failed))))
        .isEqualTo("etcdserver: request timed out.");
  }

  private static KubernetesClientException refused(int code, String message) {
    return new KubernetesClientException(
        new StatusBuilder().withCode(code).withMessage(message).build());
  }
}
