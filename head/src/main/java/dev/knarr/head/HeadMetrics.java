// SPDX-License-Identifier: Apache-2.0
package dev.knarr.head;

import java.util.List;

/**
 * The names of all meters of the head, without the unit and {@code total} that the registry adds.
 * The table in {@code docs/reference/metrics.md} is compared with this list by a test.
 */
public final class HeadMetrics {

  /** Bytes on the connections to a worker, framing included: worker, command, direction. */
  public static final String RPC_BYTES = "knarr.head.rpc.bytes";

  /** Frames on the connections to a worker: worker, command, direction. */
  public static final String RPC_FRAMES = "knarr.head.rpc.frames";

  /** Commands a worker has answered, each of which somebody waited for: worker. */
  public static final String ROUND_TRIPS = "knarr.head.rpc.round.trips";

  /** Connections passed through to a worker at this moment: worker. */
  public static final String CONNECTIONS = "knarr.head.rpc.connection.active";

  /** Connections closed for what was said on them: worker, fault. */
  public static final String REJECTED = "knarr.head.rpc.rejected";

  /** Graphs sent to a worker: worker, kind (computed, recomputed). */
  public static final String GRAPHS = "knarr.head.graphs";

  /** 1 while a worker is proven and not lost: worker. */
  public static final String WORKER_UP = "knarr.head.worker.up";

  /** How much of the weights the workers have, 0 to 1. */
  public static final String LOAD_RATIO = "knarr.head.load.ratio";

  /** Restarts of llama-server: reason. */
  public static final String RESTARTS = "knarr.head.restarts";

  /** 1 while requests are served. */
  public static final String READY = "knarr.head.ready";

  /** Tokens llama-server has processed: direction (prompt, generated). */
  public static final String TOKENS = "knarr.head.tokens";

  /** Tokens in each second of work, 0 when idle: direction (prompt, generated). */
  public static final String TOKEN_RATE = "knarr.head.tokens.rate";

  /** Requests at this moment: state (processing, deferred, waiting). */
  public static final String REQUESTS = "knarr.head.requests";

  /** Tokens by where they were chosen: mode (graph, logits). */
  public static final String SAMPLING = "knarr.head.sampling";

  /** What a link carries for one generated token, by estimate: from, to. */
  public static final String PLAN_TOKEN = "knarr.head.plan.token";

  /** What a link carries for one token of a prompt, by estimate: from, to. */
  public static final String PLAN_PROMPT_TOKEN = "knarr.head.plan.prompt.token";

  /** Tokens in each second that the links alone would allow: direction (prompt, generated). */
  public static final String PLAN_TOKEN_RATE = "knarr.head.plan.tokens.rate";

  /** The shortest round trip of a link when the workers were proven: from, to. */
  public static final String LINK_ROUND_TRIP = "knarr.head.link.round.trip";

  /** What a link carried in a second when the workers were proven: from, to. */
  public static final String LINK_THROUGHPUT = "knarr.head.link.throughput";

  /** From a request's arrival to the end of its answer: operation, provider, model, error type. */
  public static final String REQUEST_DURATION = "gen_ai.server.request.duration";

  /** From a request's arrival to its first token: operation, provider, model. */
  public static final String TIME_TO_FIRST_TOKEN = "gen_ai.server.time_to_first_token";

  /** Between two generated tokens, the mean of a request: operation, provider, model. */
  public static final String TIME_PER_OUTPUT_TOKEN = "gen_ai.server.time_per_output_token";

  /** Tokens of a request: operation, provider, model, token type. */
  public static final String TOKEN_USAGE = "gen_ai.client.token.usage";

  /** How long a request waited for a llama-server that serves: operation. */
  public static final String QUEUE_DURATION = "knarr.head.queue.duration";

  /** Requests run again since llama-server ended in the middle of them: reason. */
  public static final String RERUNS = "knarr.head.request.reruns";

  /** Requests that the gateway answered with an error itself: reason. */
  public static final String REFUSED = "knarr.head.request.refused";

  /** Memory of requests and answers that are kept whole for the time being. */
  public static final String KEPT = "knarr.head.request.kept";

  /** Bytes between llama-server and the router, framing included: direction. */
  public static final String CLIENT_BYTES = "knarr.head.router.client";

  /** Tensors copied between devices: path (direct, head, local). */
  public static final String COPIES = "knarr.head.router.copies";

  /** Tensors read from workers: kind (ahead, asked, wasted). */
  public static final String READS = "knarr.head.router.reads";

  /** All names, in the order of the reference table. */
  public static final List<String> NAMES =
      List.of(
          RPC_BYTES,
          RPC_FRAMES,
          ROUND_TRIPS,
          CONNECTIONS,
          REJECTED,
          GRAPHS,
          CLIENT_BYTES,
          COPIES,
          READS,
          WORKER_UP,
          LOAD_RATIO,
          RESTARTS,
          READY,
          TOKENS,
          TOKEN_RATE,
          REQUESTS,
          SAMPLING,
          REQUEST_DURATION,
          TIME_TO_FIRST_TOKEN,
          TIME_PER_OUTPUT_TOKEN,
          TOKEN_USAGE,
          QUEUE_DURATION,
          RERUNS,
          REFUSED,
          KEPT,
          PLAN_TOKEN,
          PLAN_PROMPT_TOKEN,
          PLAN_TOKEN_RATE,
          LINK_ROUND_TRIP,
          LINK_THROUGHPUT);

  private HeadMetrics() {}
}
