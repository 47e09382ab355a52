// SPDX-License-Identifier: Apache-2.0
package dev.knarr.head.route;

import dev.knarr.rpc.ProtocolFault;
import dev.knarr.rpc.RouteRequest;
import dev.knarr.rpc.RouteResponse;
import dev.knarr.rpc.RpcProtocolException;
import dev.knarr.rpc.RpcResponse;
import dev.knarr.rpc.delta.DeltaEncoder;
import dev.knarr.rpc.tensor.CompactGraph;
import dev.knarr.rpc.wire.RpcClientChannel;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Comparator;
import java.util.Deque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.stream.Collectors;

/**
 * The graphs that a worker knows by name, by content: the router's half of what the worker keeps
 * for it. The client's thread only.
 */
final class WorkerGraphs {
  /** The client forgets all that it has named on a device when it has named so many. */
  private static final int MOST_NAMED = 1024;

  private static final int MOST_CONTENTS = 16_384;
  private static final int MOST_BINDINGS = 32_768;

  private static final MemorySegment NOTHING = MemorySegment.ofArray(new byte[0]);

  private final WorkerLink link;
  private final DeltaEncoder encoder = new DeltaEncoder();
  private final Map<ByteBuffer, Content> contents = new HashMap<>();
  private final Map<GraphUse.Key, GraphUse> uses = new HashMap<>();
  private final Map<Integer, Map<Long, GraphUse>> named = new HashMap<>();

  /** The last two of each device: the next resembles one of them. */
  private final Map<Integer, Deque<Content>> recent = new HashMap<>();

  private final Deque<Integer> freeNames = new ArrayDeque<>();
  private int names;
  private int bindings;
  private long knownBytes;
  private long clock;

  WorkerGraphs(WorkerLink link) {
    this.link = link;
  }

  /** A larger content cannot be named. */
  long largestBytes() {
    return Math.min(RouteRequest.MAX_CONTENT_BYTES, link.graphBytes());
  }

  /** A graph's bytes; the worker knows them by name, or not (any more). */
  static final class Content {
    private final byte[] bytes;
    private int name = UNKNOWN;
    private long lastUse;

    /** Whether the worker keeps it, once it has said so. */
    private CompletableFuture<Boolean> kept = new CompletableFuture<>();

    private static final int UNKNOWN = -1;

    private Content(byte[] bytes) {
      this.bytes = bytes;
    }

    private boolean known() {
      return name != UNKNOWN;
    }
  }

  /** Notes that the client names a graph, and returns what is to be computed. */
  GraphUse received(int device, long uid, CompactGraph graph, List<Long> buffers) {
    var named = this.named.computeIfAbsent(device, _ -> new HashMap<>());
    if (named.size() >= MOST_NAMED) {
      named.clear();
    }
    var content =
        contents.computeIfAbsent(ByteBuffer.wrap(graph.bytes()), _ -> new Content(graph.bytes()));
    var use = uses.computeIfAbsent(new GraphUse.Key(device, content, buffers), GraphUse::new);
    named.put(uid, use);
    return use;
  }

  /**
   * What the client has named.
   *
   * @throws RpcProtocolException UNKNOWN_GRAPH
   */
  GraphUse named(int device, long uid) {
    var use = named.getOrDefault(device, Map.of()).get(uid);
    if (use == null) {
      throw new RpcProtocolException(
          ProtocolFault.UNKNOWN_GRAPH,
          "graph %s was never sent, or a buffer it uses was freed"
              .formatted(Long.toUnsignedString(uid)));
    }
    return use;
  }

  /** Has the worker compute, telling it what it does not know yet. */
  void compute(GraphUse use) throws WorkerLostException {
    var content = use.key().content();
    content.lastUse = ++clock;
    if (content.known() && !WorkerLink.await(content.kept)) {
      unlearn(content);
      unbindForgotten();
    }
    if (content.known()) {
      link.worker().meters().graphNamed();
    } else {
      tell(content, use.key().device());
    }
    if (use.bound()) {
      link.send(new RouteRequest.Compute(use.binding()));
    } else {
      use.bind(bindings++);
      link.send(
          new RouteRequest.Bind(
              use.binding(), use.key().device(), content.name, use.key().buffers()));
    }
    noteRecent(content, use.key().device());
  }

  private void noteRecent(Content content, int device) {
    var last = recent.computeIfAbsent(device, _ -> new ArrayDeque<>());
    if (last.peek() != content) {
      last.remove(content);
      last.push(content);
      while (last.size() > 2) {
        last.removeLast();
      }
    }
  }

  private void tell(Content content, int device) throws WorkerLostException {
    makeRoom(content);
    Content base = null;
    ByteBuffer best = encoder.graph(NOTHING, MemorySegment.ofArray(content.bytes));
    byte[] steps = copy(best);
    for (Content candidate : recent.getOrDefault(device, new ArrayDeque<>())) {
      if (candidate.known() && candidate.kept.getNow(false)) {
        var from =
            encoder.graph(
                MemorySegment.ofArray(candidate.bytes), MemorySegment.ofArray(content.bytes));
        if (from.remaining() < steps.length) {
          steps = copy(from);
          base = candidate;
        }
      }
    }
    if (base == null) {
      link.worker().meters().graphInFull();
    } else {
      link.worker().meters().graphAsDifference();
    }
    Integer free = freeNames.poll();
    content.name = free == null ? names++ : free;
    knownBytes += content.bytes.length;
    content.kept = new CompletableFuture<>();
    link.send(
        new RouteRequest.Graph(
            content.name, base == null ? 0 : base.name + 1, content.bytes.length, steps.length),
        ByteBuffer.wrap(steps),
        new Kept(content.kept));
  }

  /** The worker's word on whether it keeps a content. */
  private record Kept(CompletableFuture<Boolean> kept) implements WorkerLink.Answer {
    @Override
    public void accept(RpcResponse response, RpcClientChannel from) {
      kept.complete(((RouteResponse.GraphKept) response).kept());
    }

    @Override
    public void lost(WorkerLostException why) {
      kept.completeExceptionally(why);
    }
  }

  private static byte[] copy(ByteBuffer steps) {
    return Arrays.copyOfRange(
        steps.array(), steps.arrayOffset() + steps.position(), steps.arrayOffset() + steps.limit());
  }

  /** Has the worker forget what was not computed for the longest time. */
  private void makeRoom(Content wanted) throws WorkerLostException {
    if (bindings >= MOST_BINDINGS) {
      forget(contents.values().stream().filter(Content::known).toList());
      bindings = 0;
    }
    if (!fits(wanted)) {
      var oldest =
          contents.values().stream()
              .filter(Content::known)
              .sorted(Comparator.comparingLong(content -> content.lastUse))
              .toList();
      forget(oldest.subList(0, (oldest.size() + 1) / 2));
    }
  }

  private boolean fits(Content wanted) {
    return knownBytes + wanted.bytes.length <= link.graphBytes()
        && names - freeNames.size() < MOST_CONTENTS;
  }

  private void forget(List<Content> forgotten) throws WorkerLostException {
    for (var content : forgotten) {
      link.send(new RouteRequest.ForgetGraph(content.name));
      freeNames.add(content.name);
      knownBytes -= content.bytes.length;
      content.name = Content.UNKNOWN;
    }
    uses.values().stream().filter(use -> !use.key().content().known()).forEach(GraphUse::unbind);
    // What the client may name again is kept here, and told anew when it does.
    var live = new HashSet<GraphUse>();
    named.values().forEach(ofDevice -> live.addAll(ofDevice.values()));
    uses.values().removeIf(use -> !use.bound() && !live.contains(use));
    var needed = live.stream().map(use -> use.key().content()).collect(Collectors.toSet());
    contents.values().removeIf(content -> !content.known() && !needed.contains(content));
  }

  private void unlearn(Content content) {
    freeNames.add(content.name);
    knownBytes -= content.bytes.length;
    content.name = Content.UNKNOWN;
  }

  private void unbindForgotten() {
    uses.values().stream().filter(use -> !use.key().content().known()).forEach(GraphUse::unbind);
  }

  /** The buffer is about to be freed, and the worker forgets what is bound to it by itself. */
  void dropUsing(RoutedBuffer buffer) {
    uses.keySet().removeIf(key -> key.buffers().contains(buffer.handle()));
    named
        .values()
        .forEach(
            ofDevice ->
                ofDevice.values().removeIf(use -> use.key().buffers().contains(buffer.handle())));
  }
}
