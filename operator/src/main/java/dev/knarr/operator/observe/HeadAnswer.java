// SPDX-License-Identifier: Apache-2.0
package dev.knarr.operator.observe;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import dev.knarr.api.v1alpha1.ConditionReason;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * What a head says of itself, as far as it is shown: two equal answers look the same to a user.
 * Heads are older and newer than the operator, so words that only one of the two knows are text,
 * and what is absent is empty. Immutable.
 *
 * @param identity who answers
 * @param phase what the head is doing, such as {@code Ready}
 * @param reason why, such as {@code AsPlanned}
 * @param message one sentence for people
 * @param loadPercent how much of the weights the workers have, 0 to 100
 * @param workers the workers
 * @param plan which device holds what, once planned
 * @param tokensPerSecond how fast tokens were processed when they last were
 * @param llamaServer the child
 * @param warnings what is not as it should be though requests are served
 */
@JsonIgnoreProperties(ignoreUnknown = true)
public record HeadAnswer(
    @Nullable AnswerIdentity identity,
    String phase,
    String reason,
    String message,
    int loadPercent,
    List<Worker> workers,
    @Nullable Plan plan,
    Rates tokensPerSecond,
    LlamaServer llamaServer,
    List<String> warnings) {

  /** The phase in which requests are served. */
  public static final String READY = "Ready";

  /** The phase of a head that has given up. */
  public static final String FAILED = "Failed";

  /** What is absent is empty; lists are copied. */
  public HeadAnswer {
    phase = Objects.requireNonNullElse(phase, "");
    reason = Objects.requireNonNullElse(reason, "");
    message = Objects.requireNonNullElse(message, "");
    workers = copy(workers);
    tokensPerSecond = Objects.requireNonNullElse(tokensPerSecond, Rates.NONE);
    llamaServer = Objects.requireNonNullElse(llamaServer, new LlamaServer(0));
    warnings = copy(warnings);
  }

  /** Whether requests are served. */
  public boolean ready() {
    return phase.equals(READY);
  }

  /** Whether requests are served without some of the workers. */
  public boolean reduced() {
    return ready() && reason.equals(ConditionReason.REDUCED_PLAN.value());
  }

  /** Whether the head has given up. */
  public boolean failed() {
    return phase.equals(FAILED);
  }

  /** Whether it has given up since the model's files are not there, or not as they should be. */
  public boolean missesModel() {
    return failed()
        && (reason.equals(ConditionReason.MODEL_NOT_FOUND.value())
            || reason.equals(ConditionReason.MODEL_UNREADABLE.value()));
  }

  /** The same answer with other rates. */
  HeadAnswer with(Rates rates) {
    return new HeadAnswer(
        identity, phase, reason, message, loadPercent, workers, plan, rates, llamaServer, warnings);
  }

  /**
   * A worker as the head sees it.
   *
   * @param name its name in the cluster, such as {@code a100-0}
   * @param state Waiting, Proven or Lost
   * @param protocol the protocol version it speaks
   * @param loadPercent how much of its planned weights it has; only while they are brought
   * @param cachedPercent how much of its weights it had already
   * @param lastSeen when it was last heard of, ISO 8601; only of one that is lost
   * @param message what it last failed at
   * @param devices its devices
   */
  @JsonIgnoreProperties(ignoreUnknown = true)
  public record Worker(
      String name,
      String state,
      @Nullable String protocol,
      @Nullable Integer loadPercent,
      @Nullable Integer cachedPercent,
      @Nullable String lastSeen,
      @Nullable String message,
      List<Device> devices) {
    /** What is absent is empty; the list is copied. */
    public Worker {
      name = Objects.requireNonNullElse(name, "");
      state = Objects.requireNonNullElse(state, "");
      // Of a worker that answers it changes all the time and is not shown.
      lastSeen = state.equals("Lost") ? lastSeen : null;
      devices = copy(devices);
    }

    /** Whether every device has computed a probe graph. */
    public boolean proven() {
      return state.equals("Proven");
    }

    /** Whether it was proven and is not any more. */
    public boolean lost() {
      return state.equals("Lost");
    }
  }

  /**
   * A device of a worker.
   *
   * @param name its name in the cluster, such as {@code a100-0/0}
   * @param description what it is
   * @param totalBytes memory it has
   */
  @JsonIgnoreProperties(ignoreUnknown = true)
  public record Device(String name, @Nullable String description, long totalBytes) {
    /** What is absent is empty. */
    public Device {
      name = Objects.requireNonNullElse(name, "");
    }
  }

  /**
   * Which device holds what.
   *
   * @param bytesPerToken what crosses the network for one generated token, by estimate
   * @param devices the devices in the order of the layers
   */
  @JsonIgnoreProperties(ignoreUnknown = true)
  public record Plan(@Nullable Long bytesPerToken, List<PlannedDevice> devices) {
    /** What is absent is empty; the list is copied. */
    public Plan {
      devices = copy(devices);
    }
  }

  /**
   * What one device holds.
   *
   * @param name the device
   * @param layers its layers, such as {@code 0-3}; empty when it holds none
   * @param output whether it holds the output
   * @param weightsBytes bytes of weights
   * @param kvBytes bytes of the cache
   * @param computeBytes bytes of intermediate results, estimated
   * @param freeBytes what it offered
   */
  @JsonIgnoreProperties(ignoreUnknown = true)
  public record PlannedDevice(
      String name,
      String layers,
      boolean output,
      long weightsBytes,
      long kvBytes,
      long computeBytes,
      long freeBytes) {
    /** What is absent is empty. */
    public PlannedDevice {
      name = Objects.requireNonNullElse(name, "");
      layers = Objects.requireNonNullElse(layers, "");
    }
  }

  /**
   * Tokens in each second of work; zero when none were processed yet.
   *
   * @param prompt of prompts
   * @param generation of answers
   */
  @JsonIgnoreProperties(ignoreUnknown = true)
  public record Rates(double prompt, double generation) {
    /** Nothing has been processed yet. */
    public static final Rates NONE = new Rates(0, 0);
  }

  /**
   * The child.
   *
   * @param restarts how often it was started again
   */
  @JsonIgnoreProperties(ignoreUnknown = true)
  public record LlamaServer(int restarts) {}

  private static <T> List<T> copy(@Nullable List<T> list) {
    return list == null ? List.of() : list.stream().filter(Objects::nonNull).toList();
  }
}
