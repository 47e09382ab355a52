// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker;

import static dev.knarr.rpc.ProtocolFault.BAD_FIELD;
import static dev.knarr.rpc.ProtocolFault.BAD_GRAPH;
import static dev.knarr.rpc.ProtocolFault.BUDGET_EXCEEDED;
import static dev.knarr.rpc.ProtocolFault.FRAME_TOO_LARGE;
import static dev.knarr.rpc.ProtocolFault.HELLO_EXPECTED;
import static dev.knarr.rpc.ProtocolFault.OUT_OF_RANGE;
import static dev.knarr.rpc.ProtocolFault.UNKNOWN_BUFFER;
import static dev.knarr.rpc.ProtocolFault.UNKNOWN_COMMAND;
import static dev.knarr.rpc.ProtocolFault.UNKNOWN_DEVICE;
import static dev.knarr.rpc.ProtocolFault.UNKNOWN_GRAPH;

import dev.knarr.rpc.ProtocolFault;
import dev.knarr.rpc.RouteRequest;
import dev.knarr.rpc.RouteRequest.Adopted;
import dev.knarr.rpc.RouteRequest.Bind;
import dev.knarr.rpc.RouteRequest.Compute;
import dev.knarr.rpc.RouteRequest.Copy;
import dev.knarr.rpc.RouteRequest.ForgetGraph;
import dev.knarr.rpc.RouteRequest.ForgetSlot;
import dev.knarr.rpc.RouteRequest.Graph;
import dev.knarr.rpc.RouteRequest.Offer;
import dev.knarr.rpc.RouteRequest.Pull;
import dev.knarr.rpc.RouteRequest.Push;
import dev.knarr.rpc.RouteRequest.Put;
import dev.knarr.rpc.RouteRequest.Range;
import dev.knarr.rpc.RouteRequest.Read;
import dev.knarr.rpc.RouteRequest.Slot;
import dev.knarr.rpc.RouteRequest.Tensor;
import dev.knarr.rpc.RouteRequest.Weights;
import dev.knarr.rpc.RouteRequest.Write;
import dev.knarr.rpc.RouteResponse;
import java.io.IOException;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;

/** What no honest router says. */
final class RouteAttacks {
  private static final long NOBODYS = 77;
  private static final int PIECE = RouteRequest.MAX_PIECE_BYTES;
  private static final int MOST_NAMES = 1 << 16;
  private static final byte[] FOUR = RawRouter.raw(new byte[4]);

  private RouteAttacks() {}

  /** A lie of a router that has said HELLO. */
  record RouteAttack(String what, ProtocolFault fault, Script script) {
    @Override
    public String toString() {
      return what;
    }
  }

  /** Plays the hostile router. */
  @FunctionalInterface
  interface Script {
    void play(RawRouter router) throws IOException;
  }

  /** Plays the hostile router, with a buffer of 4 KiB. */
  @FunctionalInterface
  private interface BufferScript {
    void play(RawRouter router, long buffer) throws IOException;
  }

  static Stream<RouteAttack> all() {
    return Stream.of(
            inputs(), slots(), contents(), bindings(), reads(), weights(), links(), framing())
        .flatMap(attacks -> attacks);
  }

  private static RouteAttack of(String what, ProtocolFault fault, Script script) {
    return new RouteAttack(what, fault, script);
  }

  private static RouteAttack over(String what, ProtocolFault fault, BufferScript script) {
    return of(
        what, fault, router -> script.play(router, router.client().allocate(0, 4096).handle()));
  }

  private static Stream<RouteAttack> inputs() {
    return Stream.of(
        of(
            "PUT into nobody's buffer",
            UNKNOWN_BUFFER,
            r -> r.send(new Put(NOBODYS, 0, 4, 5), FOUR)),
        over("PUT over the end", OUT_OF_RANGE, (r, b) -> r.send(new Put(b, 4093, 4, 5), FOUR)),
        over(
            "PUT behind the end",
            OUT_OF_RANGE,
            (r, b) -> r.send(new Put(b, Long.MAX_VALUE, 4, 5), FOUR)),
        over("PUT of too few bytes", BAD_FIELD, (r, b) -> r.send(new Put(b, 0, 5, 5), FOUR)),
        over("PUT of too many bytes", OUT_OF_RANGE, (r, b) -> r.send(new Put(b, 0, 3, 5), FOUR)),
        over(
            "PUT with a step from a base that is not there",
            OUT_OF_RANGE,
            (r, b) -> r.send(new Put(b, 0, 4, 1), (byte) (4 << 2 | 1))),
        over("PUT of nothing", OUT_OF_RANGE, (r, b) -> r.send(new Put(b, 0, 4, 0))),
        over(
            "PUT with half a step",
            BAD_FIELD,
            (r, b) -> r.send(new Put(b, 0, 4, 3), (byte) (4 << 2 | 2), (byte) 1, (byte) 1)));
  }

  private static Stream<RouteAttack> slots() {
    return Stream.of(
        of("SLOT in nobody's buffer", UNKNOWN_BUFFER, r -> r.send(slot(1, NOBODYS, 0), FOUR)),
        over("SLOT over the end", OUT_OF_RANGE, (r, b) -> r.send(slot(1, b, 4094), FOUR)),
        over(
            "SLOT with steps that do not fit",
            BAD_FIELD,
            (r, b) -> r.send(new Slot(1, b, 0, 8, 5), FOUR)),
        of("WRITE of a slot that was never made", BAD_FIELD, r -> r.send(new Write(9, 0))),
        over(
            "WRITE of a slot that was let go",
            BAD_FIELD,
            (r, b) -> {
              r.send(slot(1, b, 0), FOUR);
              r.send(new ForgetSlot(1));
              r.send(new Write(1, 0));
            }),
        of(
            "WRITE of a slot whose buffer was freed",
            BAD_FIELD,
            r -> {
              var buffer = r.client().allocate(0, 4096);
              r.send(slot(1, buffer.handle(), 0), FOUR);
              r.client().free(buffer);
              r.send(new Write(1, 0));
            }),
        over(
            "WRITE with steps that do not fit",
            OUT_OF_RANGE,
            (r, b) -> {
              r.send(slot(1, b, 0), FOUR);
              r.send(new Write(1, 1), (byte) (5 << 2 | 1));
            }),
        over(
            "WRITE of something that a shift puts outside",
            OUT_OF_RANGE,
            (r, b) -> {
              r.send(slot(1, b, 0), FOUR);
              r.send(new Write(1, 3), (byte) 3, (byte) 1, (byte) (4 << 2 | 1));
            }),
        of(
            "slots of more bytes than were granted",
            BUDGET_EXCEEDED,
            r -> {
              long granted = r.welcome().slotBytes();
              long buffer = r.client().allocate(0, PIECE).handle();
              byte[] steps = RawRouter.zeros(PIECE);
              for (int slot = 0; slot <= granted / PIECE; slot++) {
                r.send(new Slot(slot, buffer, 0, PIECE, steps.length), steps);
              }
            }),
        over(
            "more slots of nothing than anybody needs",
            BUDGET_EXCEEDED,
            (r, b) -> {
              for (int slot = 0; slot <= MOST_NAMES; slot++) {
                r.client().channel().send(new Slot(slot, b, 0, 0, 0));
              }
              r.client().channel().flush();
            }));
  }

  private static Slot slot(int name, long buffer, long offset) {
    return new Slot(name, buffer, offset, 4, FOUR.length);
  }

  private static Stream<RouteAttack> contents() {
    byte[] cutOff = {1, 1, 0};
    return Stream.of(
        of(
            "a graph that differs from nobody's",
            UNKNOWN_GRAPH,
            r -> r.send(new Graph(1, 3, 4, FOUR.length), FOUR)),
        of(
            "a graph that differs from itself",
            UNKNOWN_GRAPH,
            r -> {
              r.graph(1, new byte[4]);
              r.send(new Graph(1, 2, 4, 0));
            }),
        of(
            "a graph whose steps do not fit",
            BAD_FIELD,
            r -> r.send(new Graph(1, 0, 5, FOUR.length), FOUR)),
        of(
            "a graph larger than all that was granted",
            BUDGET_EXCEEDED,
            r -> {
              int more = (int) r.welcome().graphBytes() + 1;
              byte[] steps = RawRouter.zeros(more);
              r.send(new Graph(1, 0, more, steps.length), steps);
            }),
        of("more graphs than anybody needs", BUDGET_EXCEEDED, RouteAttacks::nameTooMany),
        of("a content of nothing", BAD_GRAPH, r -> bindContent(r, new byte[0])),
        of("a content that ends too early", BAD_GRAPH, r -> bindContent(r, cutOff)),
        of("a content of zeros with bytes behind", BAD_GRAPH, r -> bindContent(r, new byte[9])),
        of(
            "a content of as many descriptors as fit into a number",
            BUDGET_EXCEEDED,
            r ->
                bindContent(
                    r, new byte[] {(byte) 0xff, (byte) 0xff, (byte) 0xff, (byte) 0xff, 7, 0})));
  }

  private static void nameTooMany(RawRouter router) throws IOException {
    for (int name = 0; name < MOST_NAMES; name++) {
      router.client().channel().send(new Graph(name, 0, 0, 0));
      if (name % 512 == 511) {
        for (int i = 0; i < 512; i++) {
          router.client().channel().receive(RouteResponse.GraphKept.class);
        }
      }
    }
    router.send(new Graph(MOST_NAMES, 0, 0, 0));
  }

  private static void bindContent(RawRouter router, byte[] content) throws IOException {
    router.graph(1, content);
    router.send(new Bind(1, 0, 1, List.of(router.sumBuffer(0).handle())));
  }

  private static Stream<RouteAttack> bindings() {
    return Stream.of(
        bound("a device that does not exist", UNKNOWN_DEVICE, (r, b) -> bind(r, 2, 1, b)),
        bound("a graph that was never sent", UNKNOWN_GRAPH, (r, b) -> bind(r, 0, 2, b)),
        bound("a graph over nobody's buffer", UNKNOWN_BUFFER, (r, _) -> bind(r, 0, 1, NOBODYS)),
        bound("a graph over too few buffers", UNKNOWN_BUFFER, (r, _) -> bind(r, 0, 1)),
        bound(
            "a graph over a buffer that is too small",
            OUT_OF_RANGE,
            (r, _) -> bind(r, 0, 1, r.client().allocate(0, 2048).handle())),
        bound(
            "a graph over a buffer that is too small by a byte",
            OUT_OF_RANGE,
            (r, _) -> bind(r, 0, 1, r.client().allocate(0, 2051).handle())),
        of("a binding that was never made", UNKNOWN_GRAPH, r -> r.send(new Compute(5))),
        bound(
            "a binding whose graph was let go",
            UNKNOWN_GRAPH,
            (r, b) -> {
              bind(r, 0, 1, b);
              r.send(new ForgetGraph(1));
              r.send(new Compute(1));
            }),
        bound(
            "a binding whose graph has another content now",
            UNKNOWN_GRAPH,
            (r, b) -> {
              bind(r, 0, 1, b);
              r.graph(1, new byte[4]);
              r.send(new Compute(1));
            }),
        of(
            "a binding of which a buffer was freed",
            UNKNOWN_GRAPH,
            r -> {
              var buffer = r.sumBuffer(0);
              r.graph(1, r.sumIn(buffer));
              bind(r, 0, 1, buffer.handle());
              r.client().free(buffer);
              r.send(new Compute(1));
            }),
        bound(
            "a graph that differs from one that was let go",
            UNKNOWN_GRAPH,
            (r, _) -> {
              r.send(new ForgetGraph(1));
              r.send(new Graph(2, 2, 4, 0));
            }));
  }

  private static RouteAttack bound(String what, ProtocolFault fault, BufferScript script) {
    return of(
        what,
        fault,
        router -> {
          var buffer = router.sumBuffer(0);
          router.graph(1, router.sumIn(buffer));
          script.play(router, buffer.handle());
        });
  }

  private static void bind(RawRouter router, int device, int graph, long... buffers)
      throws IOException {
    router.send(new Bind(1, device, graph, Arrays.stream(buffers).boxed().toList()));
  }

  private static Stream<RouteAttack> reads() {
    return Stream.of(
        of("READ of nobody's buffer", UNKNOWN_BUFFER, r -> r.send(read(NOBODYS, 0, 1))),
        over("READ over the end", OUT_OF_RANGE, (r, b) -> r.send(read(b, 4000, 97))),
        over("READ behind the end", OUT_OF_RANGE, (r, b) -> r.send(read(b, 5000, 0))),
        over("READ of 64 GiB", OUT_OF_RANGE, (r, b) -> r.send(read(b, 1, 64L << 30))),
        over("READ of all there is", FRAME_TOO_LARGE, (r, b) -> r.send(read(b, 0, Long.MAX_VALUE))),
        over("COPY from nobody", UNKNOWN_BUFFER, (r, b) -> r.send(copy(NOBODYS, 0, b, 0))),
        over("COPY to nobody", UNKNOWN_BUFFER, (r, b) -> r.send(copy(b, 0, NOBODYS, 0))),
        over("COPY from outside", OUT_OF_RANGE, (r, b) -> r.send(copy(b, 4090, b, 0))),
        over("COPY to outside", OUT_OF_RANGE, (r, b) -> r.send(copy(b, 0, b, 4090))),
        over(
            "COPY to far outside",
            OUT_OF_RANGE,
            (r, b) -> r.send(copy(b, 0, b, Long.MAX_VALUE - 3))));
  }

  private static Read read(long buffer, long offset, long bytes) {
    return new Read(new Range(buffer, offset, bytes));
  }

  private static Copy copy(long buffer, long offset, long target, long targetOffset) {
    return new Copy(new Range(buffer, offset, 8), target, targetOffset);
  }

  private static Stream<RouteAttack> weights() {
    return Stream.of(
        of("OFFER for nobody", UNKNOWN_BUFFER, r -> r.send(new Offer(new Range(NOBODYS, 0, 4), 1))),
        over("OFFER outside", OUT_OF_RANGE, (r, b) -> r.send(new Offer(new Range(b, 4093, 4), 1))),
        of(
            "WEIGHTS for nobody",
            UNKNOWN_BUFFER,
            r -> r.send(new Weights(new Range(NOBODYS, 0, 4), 1), new byte[4])),
        over(
            "WEIGHTS to outside",
            OUT_OF_RANGE,
            (r, b) -> r.send(new Weights(new Range(b, 4093, 4), 1), new byte[4])),
        of("ADOPTED of nobody's buffer", UNKNOWN_BUFFER, r -> r.send(new Adopted(NOBODYS))));
  }

  private static Stream<RouteAttack> links() {
    return Stream.of(
        over("PUSH without a link", BAD_FIELD, (r, b) -> r.send(new Push(1, new Range(b, 0, 4)))),
        over("PULL without a peer", BAD_FIELD, (r, b) -> r.send(new Pull(1, new Range(b, 0, 4)))),
        over("PULL to outside", OUT_OF_RANGE, (r, b) -> r.send(new Pull(1, new Range(b, 1, 4096)))),
        of("PUSH from nobody", UNKNOWN_BUFFER, r -> r.send(new Push(1, new Range(NOBODYS, 0, 4)))),
        of("a tensor for a link", BAD_FIELD, r -> r.send(new Tensor(4), new byte[4])));
  }

  private static Stream<RouteAttack> framing() {
    return Stream.of(
        of("another HELLO", HELLO_EXPECTED, r -> r.client().sendBytes(frame(14, new byte[24]))),
        of("what only workers say", UNKNOWN_COMMAND, r -> r.client().sendBytes(frame(96, 1, 1))),
        of("command 127", UNKNOWN_COMMAND, r -> r.client().sendBytes(frame(127))),
        of(
            "a graph of 2^56 - 1 bytes",
            FRAME_TOO_LARGE,
            r -> r.client().sendBytes(new byte[] {68, -1, -1, -1, -1, -1, -1, -1, 0x7f})));
  }

  private static byte[] frame(int code, int... payload) {
    byte[] bytes = new byte[payload.length];
    for (int i = 0; i < bytes.length; i++) {
      bytes[i] = (byte) payload[i];
    }
    return frame(code, bytes);
  }

  private static byte[] frame(int code, byte[] payload) {
    return Frames.buffer(2 + payload.length)
        .put((byte) code)
        .put((byte) payload.length)
        .put(payload)
        .array();
  }
}
