// SPDX-License-Identifier: Apache-2.0
package dev.knarr.operator.dependent;

import static org.assertj.core.api.Assertions.assertThat;

import io.fabric8.kubernetes.api.model.HasMetadata;
import org.junit.jupiter.api.Test;

final class AppliedStateTest {
  private static final String DESIRED =
      """
      apiVersion: apps/v1
      kind: Deployment
      metadata: { name: d }
      spec:
        replicas: 1
        selector: { matchLabels: { app: d } }
        template:
          spec:
            nodeSelector: { zone: a }
            tolerations: [{ key: gpu, operator: Exists }]
            containers:
              - name: one
                args: [a, b]
                resources: { limits: { memory: 1024Mi, cpu: 1500m } }
              - name: two
            volumes: [{ name: v, emptyDir: { sizeLimit: 1Gi } }]
      """;

  @Test
  void whenTheApiServerHasWrittenQuantitiesItsWay_thenTheyAreTheSame() {
    assertThat(holds("1024Mi, cpu: 1500m", "1Gi, cpu: 1.5")).isTrue();
    assertThat(holds("sizeLimit: 1Gi", "sizeLimit: 1024Mi")).isTrue();
    assertThat(holds("1024Mi, cpu", "1025Mi, cpu")).isFalse();
  }

  @Test
  void whenOthersHaveAddedTheirs_thenOursIsStillThere() {
    assertThat(holds("- name: two", "- name: theirs\n        - name: two")).isTrue();
    assertThat(holds("{ name: d }", "{ name: d, labels: { theirs: '1' } }")).isTrue();
    assertThat(holds("replicas: 1", "replicas: 1\n  paused: true")).isTrue();
  }

  @Test
  void whenOursHasGoneOrIsChanged_thenItIsWrittenAgain() {
    assertThat(holds("replicas: 1", "replicas: 2")).isFalse();
    assertThat(holds("replicas: 1", "paused: true")).isFalse();
    assertThat(holds("- name: two", "- name: theirs")).isFalse();
    assertThat(holds("[a, b]", "[a, c]")).isFalse();
  }

  @Test
  void whenSomethingIsAddedToWhatIsWhole_thenItIsWrittenAgain() {
    assertThat(holds("[a, b]", "[a, b, c]")).isFalse();
    assertThat(holds("{ zone: a }", "{ zone: a, theirs: '1' }")).isFalse();
    assertThat(holds("operator: Exists }]", "operator: Exists }, { key: theirs }]")).isFalse();
  }

  @Test
  void whenAFieldIsNoLongerWanted_thenItIsGivenUp() {
    var before = AppliedState.stamp(object(DESIRED));
    var desired =
        AppliedState.stamp(
            object(DESIRED.replace("      tolerations: [{ key: gpu, operator: Exists }]\n", "")));

    assertThat(AppliedState.holds(before, desired)).isFalse();
  }

  @Test
  void whenNobodyHasStampedIt_thenItIsWritten() {
    assertThat(AppliedState.holds(object(DESIRED), AppliedState.stamp(object(DESIRED)))).isFalse();
  }

  /** Whether an object that was applied, and reads differently now, holds what was applied. */
  private static boolean holds(String text, String now) {
    assertThat(DESIRED).contains(text);
    var desired = AppliedState.stamp(object(DESIRED));
    var actual = object(DESIRED.replace(text, now));
    actual.getMetadata().setAnnotations(desired.getMetadata().getAnnotations());
    return AppliedState.holds(actual, desired);
  }

  private static HasMetadata object(String yaml) {
    return Blueprints.YAML.unmarshal(yaml);
  }
}
