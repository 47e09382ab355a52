// SPDX-License-Identifier: Apache-2.0
package dev.knarr.operator.reconcile;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.knarr.api.v1alpha1.ConditionReason;
import dev.knarr.api.v1alpha1.ConditionType;
import io.fabric8.kubernetes.api.model.Condition;
import io.fabric8.kubernetes.client.KubernetesClientException;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/**
 * Every reason there is, as a user reads it from a real API server: the operator, the controllers
 * and the scheduler are real, and {@link PlayedCluster} plays the nodes. The cases run side by
 * side.
 */
class ReasonsIT {
  private static final List<ReasonCase> CASES =
      Stream.of(
              CourseReasons.cases(),
              ModelReasons.cases(),
              HeadReasons.cases(),
              PodReasons.cases(),
              ApiReasons.cases())
          .flatMap(List::stream)
          .toList();

  /** Two processors do not get more done at the same time. */
  private static final int AT_ONCE = 12;

  private static final Map<ReasonCase, Future<?>> RUNNING = new HashMap<>();
  private static final ExecutorService PLAYERS = Executors.newFixedThreadPool(AT_ONCE);
  private static Stage stage;

  @BeforeAll
  static void start() {
    stage = new Stage();
    for (var each : CASES) {
      RUNNING.put(each, PLAYERS.submit(() -> play(each)));
    }
  }

  @AfterAll
  static void stop() {
    PLAYERS.shutdownNow();
    if (stage != null) {
      stage.close();
    }
  }

  @Test
  void whenAReasonExists_thenSomethingLeadsToIt() {
    assertThat(CASES).extracting(ReasonCase::reason).contains(ConditionReason.values());
  }

  @TestFactory
  Stream<DynamicTest> whenItHappens_thenTheUserIsTold() {
    return CASES.stream().map(each -> DynamicTest.dynamicTest(each.title(), () -> join(each)));
  }

  private static void join(ReasonCase each) throws Throwable {
    try {
      Objects.requireNonNull(RUNNING.get(each)).get();
    } catch (ExecutionException e) {
      throw e.getCause();
    }
  }

  private static Void play(ReasonCase each) throws Exception {
    try (var cluster = new PlayedCluster(stage, each.title())) {
      each.world().happens(cluster);
      await(each.title())
          .atMost(PlayedCluster.LIMIT)
          // A connection may break while so much goes on; the next look has another.
          .ignoreExceptionsInstanceOf(KubernetesClientException.class)
          .untilAsserted(() -> assertTold(each, cluster));
    }
    return null;
  }

  private static void assertTold(ReasonCase each, PlayedCluster cluster) {
    var status = cluster.status();
    var told = Conditions.find(status, each.type());

    assertThat(told.map(condition -> message(condition, cluster))).hasValue(each.sentence());
    assertThat(told.map(Condition::getReason)).hasValue(each.reason().value());
    assertThat(status.getPhase()).isEqualTo(each.phase());
    assertThat(Conditions.isTrue(status, ConditionType.STALLED))
        .isEqualTo(each.phase().equals("Failed"));
    assertThat(Conditions.isTrue(status, ConditionType.READY))
        .isEqualTo(each.phase().equals("Ready"));
    assertThat(status.getReason())
        .isEqualTo(
            Conditions.find(status, ConditionType.READY).map(Condition::getReason).orElseThrow());
    assertThat(status.getConditions())
        .hasSize(ConditionType.values().length)
        .allSatisfy(
            condition -> {
              assertThat(condition.getReason()).matches("[A-Z][A-Za-z]+");
              assertThat(condition.getMessage()).isNotBlank();
              assertThat(condition.getObservedGeneration())
                  .isEqualTo(status.getObservedGeneration());
              assertThat(condition.getLastTransitionTime()).isNotBlank();
            })
        .extracting(Condition::getType)
        .doesNotHaveDuplicates();
  }

  /** The message with names for what differs from run to run. */
  private static String message(Condition condition, PlayedCluster cluster) {
    return condition
        .getMessage()
        .replace(cluster.namespace(), "NAMESPACE")
        .replace(cluster.address(), "ADDRESS")
        .replace(cluster.since(), "SINCE")
        .replaceAll("glm-head-[a-z0-9]+-[a-z0-9]{5}", "HEAD")
        .replaceAll("glm-model-[0-9a-f]{8}-[a-z0-9]{5}", "FETCH");
  }
}
