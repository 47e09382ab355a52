// SPDX-License-Identifier: Apache-2.0
package dev.knarr.operator.observe;

import dev.knarr.operator.ClusterNames;
import dev.knarr.operator.Labels;
import io.fabric8.kubernetes.api.model.ContainerStatus;
import io.fabric8.kubernetes.api.model.HasMetadata;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.PodCondition;
import io.fabric8.kubernetes.api.model.PodStatus;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * A pod, read without fear of what is absent in one that was just made. Immutable.
 *
 * @param pod as the API gives it
 */
public record PodView(Pod pod) {
  private static final PodStatus NOTHING = new PodStatus();

  /** Its name. */
  public String name() {
    return pod.getMetadata().getName();
  }

  String uid() {
    return Objects.requireNonNullElse(pod.getMetadata().getUid(), "");
  }

  String namespace() {
    return Objects.requireNonNullElse(pod.getMetadata().getNamespace(), "");
  }

  /** What it does for its cluster. */
  public Part part() {
    return Part.of(label(pod, Labels.COMPONENT));
  }

  /** The group of a worker; empty for others. */
  public String group() {
    return label(pod, Labels.GROUP);
  }

  static String label(HasMetadata object, String name) {
    Map<String, String> labels = object.getMetadata().getLabels();
    return labels == null ? "" : labels.getOrDefault(name, "");
  }

  /** The worker, {@code head} or {@code model}. */
  String subject() {
    return part() == Part.WORKER
        ? new ClusterNames(label(pod, Labels.CLUSTER), namespace()).worker(name()).orElse(name())
        : part().text();
  }

  PodStatus status() {
    return Objects.requireNonNullElse(pod.getStatus(), NOTHING);
  }

  Optional<String> ip() {
    return Optional.ofNullable(status().getPodIP()).filter(ip -> !ip.isEmpty());
  }

  Optional<String> node() {
    return Optional.ofNullable(pod.getSpec())
        .map(spec -> spec.getNodeName())
        .filter(name -> !name.isEmpty());
  }

  /** {@code pod glm-a100-0 on node n1}. */
  String where() {
    return "pod " + name() + node().map(" on node "::concat).orElse("");
  }

  /** Whether it has been told to end. */
  public boolean deleting() {
    return pod.getMetadata().getDeletionTimestamp() != null;
  }

  /** Whether all its containers have ended for good. */
  public boolean ended() {
    var phase = status().getPhase();
    return "Succeeded".equals(phase) || "Failed".equals(phase);
  }

  /** Whether it should have ended by now, since its grace period is over. */
  boolean overdue(Instant now) {
    // The time stamp has the grace period in it.
    return deleting()
        && Instant.parse(pod.getMetadata().getDeletionTimestamp())
            .plus(Duration.ofSeconds(10))
            .isBefore(now);
  }

  Optional<PodCondition> condition(String type) {
    return status().getConditions().stream().filter(c -> type.equals(c.getType())).findFirst();
  }

  boolean is(String condition) {
    return condition(condition).filter(c -> "True".equals(c.getStatus())).isPresent();
  }

  /** Whether Kubernetes sends it requests. */
  public boolean ready() {
    return is("Ready");
  }

  List<ContainerStatus> containers() {
    return Stream.concat(
            status().getInitContainerStatuses().stream(), status().getContainerStatuses().stream())
        .toList();
  }

  /** The container that does the work, or brings the model, when its state is known. */
  public Optional<ContainerStatus> container(String name) {
    return containers().stream().filter(c -> name.equals(c.getName())).findFirst();
  }

  /** Whether this container runs. */
  boolean runs(String container) {
    return container(container).filter(PodView::runs).isPresent();
  }

  static boolean runs(ContainerStatus container) {
    return container.getState() != null && container.getState().getRunning() != null;
  }

  /** Since when this container runs, while it does. */
  public Optional<Instant> runsSince(String container) {
    return container(container)
        .filter(PodView::runs)
        .flatMap(c -> time(c.getState().getRunning().getStartedAt()));
  }

  /** Whether any container runs or has run. */
  public boolean started() {
    return containers().stream()
        .anyMatch(
            c ->
                runs(c)
                    || Objects.requireNonNullElse(c.getRestartCount(), 0) > 0
                    || (c.getState() != null && c.getState().getTerminated() != null));
  }

  /**
   * Whether its node may be the trouble: Kubernetes takes Ready away from all pods of a node that
   * is silent, and leaves their containers as they were last seen.
   */
  boolean nodeInDoubt(Instant now, Duration patience) {
    if (node().isEmpty() || ended()) {
      return false;
    }
    var seenReady =
        !status().getContainerStatuses().isEmpty()
            && status().getContainerStatuses().stream()
                .allMatch(c -> Boolean.TRUE.equals(c.getReady()));
    var since = condition("Ready").flatMap(c -> time(c.getLastTransitionTime()));
    var unreadyForLong =
        !ready() && since.filter(at -> at.plus(patience).isBefore(now)).isPresent();
    return overdue(now) || (!ready() && seenReady) || unreadyForLong;
  }

  static Optional<Instant> time(@Nullable String text) {
    return Optional.ofNullable(text).filter(t -> !t.isEmpty()).map(Instant::parse);
  }
}
