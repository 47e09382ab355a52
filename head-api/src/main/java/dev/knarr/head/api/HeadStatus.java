// SPDX-License-Identifier: Apache-2.0
package dev.knarr.head.api;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonValue;
import java.io.IOException;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What the head knows at one moment: the JSON of {@code /status}. Immutable.
 *
 * @param identity who answers; absent outside of Kubernetes
 * @param phase what it is doing
 * @param reason why
 * @param message one sentence for people
 * @param since when the phase began, ISO 8601
 * @param model what is served
 * @param endpoint where clients find the API
 * @param loadPercent how much of the weights the workers have, 0 to 100
 * @param workers the workers in order
 * @param plan which device holds what, once planned
 * @param tokensPerSecond how fast tokens were processed when they last were
 * @param llamaServer the child
 * @param warnings what is not as it should be though requests are served
 */
@JsonInclude(JsonInclude.Include.NON_NULL)
public record HeadStatus(
    @Nullable PodIdentity identity,
    HeadPhase phase,
    HeadReason reason,
    String message,
    String since,
    ModelStatus model,
    @Nullable String endpoint,
    int loadPercent,
    List<WorkerStatus> workers,
    @Nullable PlanStatus plan,
    Rates tokensPerSecond,
    LlamaServerStatus llamaServer,
    List<String> warnings) {

  /**
   * What is served.
   *
   * @param name what clients ask for
   * @param path the file
   */
  public record ModelStatus(String name, String path) {}

  /** How far a worker is trusted. */
  public enum WorkerState {
    /** Has not answered yet. */
    WAITING("Waiting"),
    /** Every device has computed a graph whose result was right. */
    PROVEN("Proven"),
    /** Was in use and closed its connection or vanished. */
    LOST("Lost");

    private final String text;

    WorkerState(String text) {
      this.text = text;
    }

    /** Returns the name used in JSON, such as {@code Proven}. */
    @JsonValue
    public String text() {
      return text;
    }
  }

  /**
   * A worker.
   *
   * @param name its name in the cluster
   * @param address where it listens
   * @param state how far it is trusted
   * @param protocol the protocol version it speaks
   * @param roundTripMicros the shortest round trip measured when it was proven
   * @param loadPercent how much of its planned weights it has, 0 to 100; only while they are
   *     brought
   * @param cachedPercent how much of the weights it was brought it had already, 0 to 100
   * @param lastSeen when one that is lost or silent was last heard of, ISO 8601
   * @param message what it last failed at, and what to do
   * @param devices its devices
   */
  @JsonInclude(JsonInclude.Include.NON_NULL)
  public record WorkerStatus(
      String name,
      String address,
      WorkerState state,
      @Nullable String protocol,
      @Nullable Long roundTripMicros,
      @Nullable Integer loadPercent,
      @Nullable Integer cachedPercent,
      @Nullable String lastSeen,
      @Nullable String message,
      List<DeviceStatus> devices) {}

  /**
   * A device of a worker.
   *
   * @param name its name in the cluster, such as {@code cpu-0/0}
   * @param freeBytes memory it offered when it was proven
   * @param totalBytes memory it has
   * @param alignmentBytes alignment of its buffers
   * @param probeMicros how long the probe graph took, transfer included
   */
  public record DeviceStatus(
      String name, long freeBytes, long totalBytes, long alignmentBytes, long probeMicros) {}

  /**
   * Which device holds what, and what follows from it.
   *
   * @param devices the devices in the order of the layers
   * @param tensorSplit the split as llama-server was told
   * @param contextLength tokens of one sequence
   * @param bytesPerToken what crosses the network for one generated token, by estimate; absent with
   *     {@code split.mode: Tensor}, as all that follows
   * @param wire what crosses it link by link, and how fast the links alone would let tokens be
   * @param sampling where tokens are chosen
   * @param slidingWindow how layers with a sliding window keep their cache; absent for a model
   *     without
   */
  @JsonInclude(JsonInclude.Include.NON_NULL)
  public record PlanStatus(
      List<PlannedDevice> devices,
      List<Integer> tensorSplit,
      int contextLength,
      @Nullable Long bytesPerToken,
      @Nullable WireStatus wire,
      @Nullable SamplingStatus sampling,
      @Nullable WindowStatus slidingWindow) {}

  /**
   * What a token costs on the network, for one sequence that has filled half of its context.
   *
   * @param roundTripsPerToken round trips that a generated token waits for, one after the other
   * @param waitMicrosPerToken what all links together add to a generated token; absent while one of
   *     them is not measured, as the rates
   * @param tokensPerSecond generated tokens that the links alone would allow
   * @param promptBytesPerToken what crosses for one token of a prompt
   * @param promptTokensPerSecond prompt tokens that the links alone would allow
   * @param links each link that is used, in each direction by itself
   * @param remarks what was decided about links, such as which of two addresses was taken
   * @param bottleneck what is slow and what would help, where links make answers slow
   */
  @JsonInclude(JsonInclude.Include.NON_NULL)
  public record WireStatus(
      int roundTripsPerToken,
      @Nullable Long waitMicrosPerToken,
      @Nullable Double tokensPerSecond,
      long promptBytesPerToken,
      @Nullable Double promptTokensPerSecond,
      List<LinkStatus> links,
      List<String> remarks,
      @Nullable String bottleneck) {}

  /**
   * A link in one direction.
   *
   * @param from a worker, or {@code head}
   * @param to a worker, or {@code head}
   * @param bytesPerToken for one generated token
   * @param promptBytesPerToken for one token of a prompt
   * @param roundTripMicros the shortest that was measured
   * @param bytesPerSecond what was measured in this direction; 0 when it was not
   */
  public record LinkStatus(
      String from,
      String to,
      long bytesPerToken,
      long promptBytesPerToken,
      long roundTripMicros,
      long bytesPerSecond) {}

  /**
   * Where tokens are chosen, which decides what crosses at the end of each.
   *
   * @param mode {@code Graph} on the worker, {@code Head} on a device of the head, {@code Logits}
   *     by llama-server from the logits of the whole vocabulary
   * @param byUser whether {@code split.output} or llama-server's arguments say so
   * @param reason why
   * @param costs each way with what it would cost
   */
  public record SamplingStatus(
      String mode, boolean byUser, String reason, List<SamplingCostStatus> costs) {}

  /**
   * A way to choose tokens.
   *
   * @param mode as in {@link SamplingStatus}
   * @param waitMicrosPerToken what all links together add to a token with it
   * @param headMicrosPerToken what the head's processor adds at least; 0 where it has nothing to
   *     do, or where that was of no interest
   * @param bytesPerToken what crosses all links with it
   * @param roundTripsPerToken round trips with it
   */
  public record SamplingCostStatus(
      String mode,
      long waitMicrosPerToken,
      long headMicrosPerToken,
      long bytesPerToken,
      int roundTripsPerToken) {}

  /**
   * How layers with a sliding window keep their cache.
   *
   * @param mode {@code WholeContext} or {@code Window}
   * @param byUser whether llama-server's arguments say so
   * @param extraBytes what the whole context takes more
   * @param reason why
   */
  public record WindowStatus(String mode, boolean byUser, long extraBytes, String reason) {}

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
  public record PlannedDevice(
      String name,
      String layers,
      boolean output,
      long weightsBytes,
      long kvBytes,
      long computeBytes,
      long freeBytes) {}

  /**
   * Tokens in each second of work.
   *
   * @param prompt of prompts
   * @param generation of answers
   */
  public record Rates(double prompt, double generation) {
    /** Nothing has been processed yet. */
    public static final Rates NONE = new Rates(0, 0);
  }

  /**
   * The child.
   *
   * @param pid its process id while it runs
   * @param restarts how often it was started again
   */
  @JsonInclude(JsonInclude.Include.NON_NULL)
  public record LlamaServerStatus(@Nullable Long pid, int restarts) {}

  /** Writes this status as JSON on one line. */
  public String toJson() {
    return JsonFile.say(this);
  }

  /**
   * Reads a status; fields that are unknown here are passed over.
   *
   * @throws IOException when it is none
   */
  public static HeadStatus parse(String json) throws IOException {
    return JsonFile.hear(json, HeadStatus.class);
  }
}
