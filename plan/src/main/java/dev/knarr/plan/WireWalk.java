// SPDX-License-Identifier: Apache-2.0
package dev.knarr.plan;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Follows a batch of tokens along its way, message by message, and adds up what crosses each link
 * and what has to be waited for. Sizes of messages are those of the protocol and what llama.cpp
 * 0.7.0 puts into them; with them the figures are those of a packet capture. One thread.
 */
final class WireWalk {
  /** What SET_TENSOR has beside its data: command and length, a tensor, a flag, an offset. */
  private static final long SET_TENSOR = 9 + 296 + 1 + 8;

  /** GET_TENSOR: command and length, a tensor, offset and size. */
  private static final long GET_TENSOR = 9 + 296 + 16;

  /** COPY_TENSOR: command and length, two tensors; its answer is one byte. */
  private static final long COPY_TENSOR = 9 + 2 * 296;

  private static final long GRAPH_RECOMPUTE = 9 + 12;

  /** The length before an answer. */
  private static final long ANSWER = 8;

  /**
   * Inputs as differences, the name of the graph, what to read: what a routed worker gets besides
   * data. Counted: 141 bytes for two workers.
   */
  private static final long ROUTED_INPUTS = 70;

  /** Candidates that llama-server's default samplers leave (top_k). */
  private static final long CANDIDATES = 40;

  /** Token, then logits, probabilities and names of the candidates. */
  private static final long SAMPLED = 4 + 3 * 4 * CANDIDATES;

  /**
   * Each of these is read by itself, and llama-server waits for one before it asks for the next.
   */
  private static final int SAMPLED_READS = 4;

  /** Both ends of a link. */
  record Ends(String from, String to) {}

  /** What a link carries in one direction, and how long that is waited for. */
  record Load(long bytes, double micros, double transferMicros) {
    private static final Load NONE = new Load(0, 0, 0);

    private Load plus(long moreBytes, double wayMicros, double bytesMicros) {
      return new Load(
          bytes + moreBytes, micros + wayMicros + bytesMicros, transferMicros + bytesMicros);
    }
  }

  private final WireShape shape;
  private final Map<String, WireWorker> workers;
  private final long rows;
  private final Map<Ends, Load> loads = new LinkedHashMap<>();
  private int roundTrips;

  private WireWalk(WireShape shape, Map<String, WireWorker> workers, long rows) {
    this.shape = shape;
    this.workers = workers;
    this.rows = rows;
  }

  /**
   * Walks once.
   *
   * @param rows tokens of the batch, of which the last has logits
   */
  static WireWalk of(
      WireShape shape,
      List<WireStop> stops,
      Map<String, WireWorker> workers,
      Sampling sampling,
      long rows) {
    var walk = new WireWalk(shape, workers, rows);
    for (int i = 0; i < stops.size(); i++) {
      var stop = stops.get(i);
      var next = i + 1 < stops.size() ? stops.get(i + 1) : null;
      if (!stop.onHead()) {
        walk.inputs(stop, i == 0, next == null || !next.layers());
      }
      if (next != null) {
        walk.activation(stop, next);
      } else if (!stop.onHead()) {
        walk.result(walk.worker(stop), sampling);
      }
    }
    return walk;
  }

  Map<Ends, Load> loads() {
    return loads;
  }

  Load load(Ends ends) {
    return loads.getOrDefault(ends, Load.NONE);
  }

  /** How often something has to arrive at the head before llama-server goes on. */
  int roundTrips() {
    return roundTrips;
  }

  LinkSpeed speed(Ends ends) {
    if (ends.from().equals(WireStop.HEAD)) {
      return worker(ends.to()).link();
    }
    var from = worker(ends.from());
    return ends.to().equals(WireStop.HEAD)
        ? from.link().reversed()
        : from.neighbours().getOrDefault(ends.to(), LinkSpeed.UNMEASURED);
  }

  private WireWorker worker(WireStop stop) {
    return worker(stop.worker());
  }

  private WireWorker worker(String name) {
    var worker = workers.get(name);
    if (worker == null) {
      throw new IllegalArgumentException("The plan uses worker " + name + ", which is not there");
    }
    return worker;
  }

  /** What the head sends before a graph can run, the activation of an earlier device excepted. */
  private void inputs(WireStop stop, boolean first, boolean last) {
    var worker = worker(stop);
    long tokens = first ? rows * shape.activationBytes() : 0;
    if (worker.routed()) {
      send(WireStop.HEAD, worker.name(), tokens + ROUTED_INPUTS, first);
      return;
    }
    long bytes = GRAPH_RECOMPUTE;
    if (first) {
      // The embedding, and two inputs of the same size for what is no text, which are zeros.
      bytes += 3 * (tokens + SET_TENSOR) + 8 * rows + SET_TENSOR;
    }
    if (stop.layers()) {
      bytes += 4 * rows + SET_TENSOR;
      bytes += cacheInputs(shape.cells());
      if (shape.windowCells() > 0) {
        bytes += cacheInputs(shape.windowCells());
      }
      if (last) {
        bytes += 4 + SET_TENSOR;
      }
    }
    send(WireStop.HEAD, worker.name(), bytes, first);
  }

  /** Where keys and values go, and the mask of what each token may look at. */
  private long cacheInputs(long cells) {
    return 2 * (8 * rows + SET_TENSOR) + 2 * cells * rows + SET_TENSOR;
  }

  private void activation(WireStop from, WireStop to) {
    // Without layers behind it only what becomes logits goes on: one row.
    long bytes = shape.activationBytes() * (to.layers() ? rows : 1);
    if (from.worker().equals(to.worker())) {
      copyWithin(from);
      return;
    }
    if (!from.onHead()
        && !to.onHead()
        && worker(from).routed()
        && worker(to).routed()
        && worker(from).neighbours().containsKey(to.worker())) {
      send(from.worker(), to.worker(), bytes, true);
      return;
    }
    if (!from.onHead()) {
      read(worker(from), bytes);
    }
    if (!to.onHead()) {
      send(WireStop.HEAD, to.worker(), bytes + (worker(to).routed() ? 0 : SET_TENSOR), true);
    }
  }

  /** Between devices of one worker; llama.cpp waits until a stock one has done it. */
  private void copyWithin(WireStop stop) {
    if (!stop.onHead() && !worker(stop).routed()) {
      send(WireStop.HEAD, stop.worker(), COPY_TENSOR, false);
      arrive(stop.worker(), ANSWER + 1);
    }
  }

  private void result(WireWorker last, Sampling sampling) {
    switch (sampling) {
      case LOGITS -> read(last, shape.logitBytes());
      case HEAD -> read(last, shape.activationBytes());
      case GRAPH -> sampled(last);
    }
  }

  private void sampled(WireWorker last) {
    if (last.routed()) {
      read(last, SAMPLED);
      return;
    }
    send(WireStop.HEAD, last.name(), SET_TENSOR + 4, false); // A random number.
    read(last, 4);
    for (int i = 1; i < SAMPLED_READS; i++) {
      send(WireStop.HEAD, last.name(), GET_TENSOR, true);
      arrive(last.name(), ANSWER + 4 * CANDIDATES);
    }
  }

  /** The head gets what a worker has computed; a routed worker sends it without being asked. */
  private void read(WireWorker from, long bytes) {
    if (!from.routed()) {
      send(WireStop.HEAD, from.name(), GET_TENSOR, false);
    }
    arrive(from.name(), bytes + (from.routed() ? 0 : ANSWER));
  }

  private void arrive(String from, long bytes) {
    roundTrips++;
    send(from, WireStop.HEAD, bytes, true);
  }

  /**
   * A message.
   *
   * @param waited whether nothing can go on before it has arrived; otherwise it travels while
   *     something else is waited for
   */
  private void send(String from, String to, long bytes, boolean waited) {
    var ends = new Ends(from, to);
    var speed = speed(ends);
    loads.put(
        ends,
        waited
            ? load(ends).plus(bytes, speed.roundTripMicros() / 2, speed.transferMicros(bytes))
            : load(ends).plus(bytes, 0, 0));
  }
}
