// SPDX-License-Identifier: Apache-2.0
package dev.knarr.operator.observe;

import static dev.knarr.operator.observe.PodDiagnosis.finding;
import static dev.knarr.operator.observe.PodDiagnosis.sentence;

import dev.knarr.api.v1alpha1.ConditionReason;
import io.fabric8.kubernetes.api.model.ContainerState;
import io.fabric8.kubernetes.api.model.ContainerStateTerminated;
import io.fabric8.kubernetes.api.model.ContainerStateWaiting;
import io.fabric8.kubernetes.api.model.ContainerStatus;
import java.time.Duration;
import java.time.Instant;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;

/** Names what keeps the containers of a scheduled pod from running; pure functions. */
final class ContainerDiagnosis {
  private static final Set<String> NO_IMAGE =
      Set.of(
          "ErrImagePull",
          "ImagePullBackOff",
          "InvalidImageName",
          "ErrImageNeverPull",
          "ImageInspectError",
          "RegistryUnavailable",
          "SignatureValidationFailed");

  /** The container was never started. */
  private static final Set<String> NO_START =
      Set.of("CreateContainerConfigError", "CreateContainerError", "RunContainerError");

  /** After this an earlier end of a container is history. */
  private static final Duration RECOVERED = Duration.ofMinutes(2);

  private ContainerDiagnosis() {}

  static Optional<Finding> diagnose(PodView pod, Observation seen) {
    return pod.containers().stream()
        .flatMap(container -> diagnose(pod, container, seen.at()).stream())
        .findFirst()
        .or(() -> evicted(pod))
        .or(() -> notSetUp(pod, seen));
  }

  private static Optional<Finding> diagnose(PodView pod, ContainerStatus container, Instant now) {
    var state = Objects.requireNonNullElseGet(container.getState(), ContainerState::new);
    if (state.getWaiting() != null) {
      var waiting = state.getWaiting();
      var why = Objects.requireNonNullElse(waiting.getReason(), "");
      if (NO_IMAGE.contains(why)) {
        return Optional.of(noImage(pod, container, waiting));
      }
      if (NO_START.contains(why)) {
        return Optional.of(noStart(pod, container, waiting));
      }
    }
    if (state.getTerminated() != null) {
      return ended(pod, container, state.getTerminated());
    }
    var last = container.getLastState() == null ? null : container.getLastState().getTerminated();
    // One that runs again may fail again; once it is ready, or has run for long, it has recovered.
    return last == null
            || Boolean.TRUE.equals(container.getReady())
            || pod.runsSince(container.getName())
                .filter(start -> start.plus(RECOVERED).isBefore(now))
                .isPresent()
        ? Optional.empty()
        : ended(pod, container, last);
  }

  private static Finding noImage(
      PodView pod, ContainerStatus container, ContainerStateWaiting waiting) {
    var words = Objects.requireNonNullElse(waiting.getMessage(), "");
    return finding(
        ConditionReason.IMAGE_PULL_FAILED,
        pod,
        "Image %s for container %s of %s cannot be pulled (%s): %s Correct its name, let the node reach the registry, or give the operator a pull secret."
            .formatted(
                container.getImage(),
                container.getName(),
                pod.where(),
                waiting.getReason(),
                sentence(words)));
  }

  private static Finding noStart(
      PodView pod, ContainerStatus container, ContainerStateWaiting waiting) {
    var words = Objects.requireNonNullElse(waiting.getMessage(), "");
    if (words.startsWith("secret ")
        || words.startsWith("configmap ")
        || words.startsWith("couldn't find key")) {
      return finding(
          ConditionReason.MOUNT_FAILED,
          pod,
          "Container %s of %s cannot be started: %s Create what is missing; the pod goes on by itself."
              .formatted(container.getName(), pod.where(), sentence(words)));
    }
    return finding(
        ConditionReason.CONTAINER_CRASHES,
        pod,
        "Container %s of %s cannot be started (%s): %s See kubectl describe pod -n %s %s."
            .formatted(
                container.getName(),
                pod.where(),
                waiting.getReason(),
                sentence(words),
                pod.namespace(),
                pod.name()));
  }

  private static Optional<Finding> ended(
      PodView pod, ContainerStatus container, ContainerStateTerminated end) {
    int code = Objects.requireNonNullElse(end.getExitCode(), 0);
    if (code == 0) {
      return Optional.empty();
    }
    var words = Objects.requireNonNullElse(end.getMessage(), "");
    var reported = Reported.in(words);
    if (reported.isPresent()) {
      return Optional.of(
          finding(
              reported.get().reason(),
              pod,
              "%s in %s: %s%s"
                  .formatted(
                      author(pod, container),
                      pod.where(),
                      sentence(reported.get().message()),
                      remedy(reported.get().reason(), pod))));
    }
    return Optional.of(
        "OOMKilled".equals(end.getReason())
            ? outOfMemory(pod, container)
            : crashed(pod, container, end, code, words));
  }

  /** A worker knows its options, not the fields of the spec that they come from. */
  private static String remedy(ConditionReason reason, PodView pod) {
    return switch (reason) {
      case CACHE_NOT_WRITABLE ->
          " Give workers[%s].tensorCache a volume that user 65532 may write to."
              .formatted(pod.group());
      case UNKNOWN_DEVICE ->
          " Check devices, image and runtimeClass of workers[%s].".formatted(pod.group());
      default -> "";
    };
  }

  private static Finding outOfMemory(PodView pod, ContainerStatus container) {
    return finding(
        ConditionReason.OUT_OF_MEMORY,
        pod,
        "Container %s of %s used more memory than its limit%s and was killed. Raise resources.limits.memory of %s, or give it less of the model."
            .formatted(
                container.getName(),
                pod.where(),
                PodDiagnosis.limit(pod, container.getName(), "memory"),
                pod.part() == Part.WORKER ? "workers[%s]".formatted(pod.group()) : "head"));
  }

  private static Finding crashed(
      PodView pod,
      ContainerStatus container,
      ContainerStateTerminated end,
      int code,
      String words) {
    var lastWords = lastLine(words);
    return finding(
        ConditionReason.CONTAINER_CRASHES,
        pod,
        "Container %s of %s ended with exit code %d%s%s%s See kubectl logs -n %s %s -c %s --previous."
            .formatted(
                container.getName(),
                pod.where(),
                code,
                "Error".equals(end.getReason()) || end.getReason() == null
                    ? ""
                    : " (" + end.getReason() + ")",
                restarts(container),
                lastWords.isEmpty() ? "." : ": " + sentence(lastWords),
                pod.namespace(),
                pod.name(),
                container.getName()));
  }

  private static String restarts(ContainerStatus container) {
    int count = Objects.requireNonNullElse(container.getRestartCount(), 0);
    return count == 0 ? "" : " after %d restart%s".formatted(count, count == 1 ? "" : "s");
  }

  private static String lastLine(String words) {
    return words.lines().filter(line -> !line.isBlank()).reduce("", (_, last) -> last);
  }

  /** Ended by its node: evicted, not admitted, or caught by a shutdown. */
  private static Optional<Finding> evicted(PodView pod) {
    var status = pod.status();
    if (!"Failed".equals(status.getPhase()) || status.getReason() == null) {
      return Optional.empty();
    }
    return Optional.of(
        finding(
            ConditionReason.CONTAINER_CRASHES,
            pod,
            "The node ended %s (%s): %s See kubectl describe pod -n %s %s."
                .formatted(
                    pod.where(),
                    status.getReason(),
                    sentence(Objects.requireNonNullElse(status.getMessage(), "")),
                    pod.namespace(),
                    pod.name())));
  }

  private static Optional<Finding> notSetUp(PodView pod, Observation seen) {
    if (pod.node().isEmpty() || pod.started()) {
      return Optional.empty();
    }
    var mount =
        seen.newestEvent(pod.uid(), "FailedMount", "FailedAttachVolume", "FailedMapVolume")
            // The kubelet of a new pod has often not heard of its ConfigMaps yet.
            .filter(event -> !event.getMessage().contains("failed to sync"))
            .map(
                event ->
                    finding(
                        ConditionReason.MOUNT_FAILED,
                        pod,
                        "A volume of %s cannot be mounted: %s Create what is missing; the pod goes on by itself."
                            .formatted(pod.where(), sentence(event.getMessage()))));
    return mount.or(
        () ->
            seen.newestEvent(pod.uid(), "FailedCreatePodSandBox", "FailedPrepareDynamicResources")
                .map(
                    event ->
                        finding(
                            ConditionReason.CONTAINER_CRASHES,
                            pod,
                            "The node cannot set up %s (%s): %s Look at the node's kubelet and network plugin."
                                .formatted(
                                    pod.where(),
                                    event.getReason(),
                                    sentence(event.getMessage())))));
  }

  /** Who left the words; the fetch may be a guest in the head's pod. */
  private static String author(PodView pod, ContainerStatus container) {
    if (container.getName().equals(Observer.FETCH_CONTAINER)) {
      return "The fetch";
    }
    return pod.part() == Part.HEAD ? "The head" : "Worker " + pod.subject();
  }
}
