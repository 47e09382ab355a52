// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker;

import static dev.knarr.rpc.ProtocolFault.BAD_GRAPH;
import static dev.knarr.rpc.ProtocolFault.BAD_TENSOR_TYPE;
import static dev.knarr.rpc.ProtocolFault.OUT_OF_RANGE;
import static dev.knarr.rpc.ProtocolFault.SIZE_OVERFLOW;
import static dev.knarr.rpc.ProtocolFault.UNKNOWN_BUFFER;
import static dev.knarr.rpc.ProtocolFault.UNKNOWN_GRAPH;
import static dev.knarr.rpc.ProtocolFault.UNSUPPORTED_OP;
import static dev.knarr.rpc.tensor.TensorOp.ADD;
import static dev.knarr.rpc.tensor.TensorOp.SQR;
import static dev.knarr.rpc.tensor.TensorOp.VIEW;
import static dev.knarr.rpc.tensor.TensorType.F32;

import dev.knarr.rpc.tensor.TensorOp;
import java.util.stream.Stream;

/** Attacks by graphs that are not well formed, whatever their operations. */
final class GraphAttacks {
  private static final long MAX_UINT32 = 0xffff_ffffL;

  private GraphAttacks() {}

  static Stream<Attack> all() {
    return Stream.of(references(), operations(), memory(), views(), lifetimes())
        .flatMap(attacks -> attacks);
  }

  private static Stream<Attack> references() {
    return Stream.of(
        Attack.graph("node id 0", BAD_GRAPH, g -> g.list(0)),
        Attack.graph("a node without a descriptor", BAD_GRAPH, g -> g.list(4711)),
        Attack.graph(
            "a node twice", BAD_GRAPH, g -> g.list(g.node(SQR, F32, 4).from(g.data(F32, 4)).id())),
        Attack.graph("descriptor id 0", BAD_GRAPH, g -> g.data(F32, 4).with(it -> it.id(0))),
        Attack.graph("a descriptor twice", BAD_GRAPH, g -> g.describe(g.data(F32, 4))),
        Attack.graph(
            "an operand of itself",
            BAD_GRAPH,
            g -> {
              var node = g.node(SQR, F32, 4);
              node.from(node);
            }),
        Attack.graph(
            "an operand that is described later",
            BAD_GRAPH,
            g -> {
              var node = g.node(SQR, F32, 4);
              node.from(g.data(F32, 4));
            }),
        Attack.graph(
            "operands in a circle",
            BAD_GRAPH,
            g -> {
              var one = g.node(SQR, F32, 4);
              var other = g.node(SQR, F32, 4);
              one.from(other);
              other.from(one);
            }),
        Attack.graph(
            "an operand without a descriptor",
            BAD_GRAPH,
            g -> g.node(SQR, F32, 4).with(it -> it.source(0, 4711))),
        Attack.graph(
            "a node before its operand",
            BAD_GRAPH,
            g -> {
              var early = g.data(F32, 4).with(it -> it.op(SQR).flags(16));
              g.node(SQR, F32, 4).from(early);
              early.from(g.data(F32, 4));
              g.list(early.id());
            }));
  }

  private static Stream<Attack> operations() {
    return Stream.of(
        Attack.graph(
            "operation 101", UNSUPPORTED_OP, g -> g.node(ADD, F32, 4).with(it -> it.op(101))),
        Attack.graph(
            "operation 2^32 - 1", UNSUPPORTED_OP, g -> g.node(ADD, F32, 4).with(it -> it.op(-1))),
        functionOfTheHost(TensorOp.MAP_CUSTOM1),
        functionOfTheHost(TensorOp.MAP_CUSTOM2),
        functionOfTheHost(TensorOp.MAP_CUSTOM3),
        functionOfTheHost(TensorOp.CUSTOM),
        Attack.graph(
            "an operation of the host that is no node",
            UNSUPPORTED_OP,
            g -> g.data(F32, 4).with(it -> it.op(TensorOp.CUSTOM))),
        Attack.graph("a sum of nothing", BAD_GRAPH, g -> g.node(ADD, F32, 4)),
        Attack.graph(
            "a sum of one number",
            BAD_GRAPH,
            g -> {
              var one = g.data(F32, 4);
              g.node(ADD, F32, 4).from(one);
            }),
        Attack.graph(
            "a removed type", BAD_TENSOR_TYPE, g -> g.data(F32, 4).with(it -> it.type(5))));
  }

  private static Attack functionOfTheHost(TensorOp op) {
    return Attack.graph(
        op + " with the address of a function",
        UNSUPPORTED_OP,
        g -> {
          var operand = g.data(F32, 4);
          g.node(op, F32, 4).from(operand).params(0x41414141, 0x41414141, 1);
        });
  }

  private static Stream<Attack> memory() {
    return Stream.of(
        Attack.graph(
            "an operand without a buffer",
            BAD_GRAPH,
            g -> {
              var operand = g.data(F32, 4).elsewhere();
              g.node(SQR, F32, 4).from(operand);
            }),
        Attack.graph(
            "a result without a buffer",
            BAD_GRAPH,
            g -> {
              var operand = g.data(F32, 4);
              g.node(SQR, F32, 4).from(operand).elsewhere();
            }),
        Attack.graph(
            "a chosen address without a buffer",
            BAD_GRAPH,
            g -> {
              var operand = g.data(F32, 4).with(it -> it.buffer(0).data(0x7fff_0000_0000L));
              g.node(SQR, F32, 4).from(operand);
            }),
        Attack.graph(
            "an operand in a buffer that does not exist",
            UNKNOWN_BUFFER,
            g -> {
              var operand = g.data(F32, 4).with(it -> it.buffer(99));
              g.node(SQR, F32, 4).from(operand);
            }),
        Attack.graph(
            "a result behind its buffer",
            OUT_OF_RANGE,
            g -> {
              var operand = g.data(F32, 4);
              g.node(SQR, F32, 4).from(operand).with(it -> it.data(g.buffer().base() + (1 << 20)));
            }),
        Attack.graph(
            "an operand before its buffer",
            OUT_OF_RANGE,
            g -> {
              var operand = g.data(F32, 4).with(it -> it.data(g.buffer().base() - 16));
              g.node(SQR, F32, 4).from(operand);
            }),
        Attack.graph(
            "an operand whose size overflows",
            SIZE_OVERFLOW,
            g ->
                g.data(F32, 4)
                    .with(
                        it ->
                            it.shape(
                                WireGraph.shape(
                                    MAX_UINT32,
                                    MAX_UINT32,
                                    MAX_UINT32,
                                    MAX_UINT32,
                                    MAX_UINT32,
                                    MAX_UINT32,
                                    MAX_UINT32,
                                    MAX_UINT32)))),
        Attack.of(
            "an operand on another device",
            BAD_GRAPH,
            client -> {
              var other = WireGraph.on(client, 1).data(F32, 4);
              var graph = WireGraph.on(client, 0);
              graph.describe(other);
              graph.node(SQR, F32, 4).from(other);
              graph.send(0, 1);
            }));
  }

  private static Stream<Attack> views() {
    return Stream.of(
        Attack.graph(
            "a view that leaves its source",
            OUT_OF_RANGE,
            g -> {
              var source = g.data(F32, 4);
              g.node(VIEW, F32, 4).from(source).viewOf(source, 4);
            }),
        Attack.graph(
            "a view at 2^64 - 16",
            BAD_GRAPH,
            g -> {
              var source = g.data(F32, 4);
              g.node(VIEW, F32, 4).from(source).viewOf(source, -16);
            }),
        Attack.graph(
            "a view of a view",
            BAD_GRAPH,
            g -> {
              var source = g.data(F32, 4);
              var view = g.node(VIEW, F32, 4).from(source).viewOf(source, 0);
              g.node(VIEW, F32, 2).from(view).viewOf(view, 0);
            }),
        Attack.graph(
            "a view whose address is another",
            OUT_OF_RANGE,
            g -> {
              var source = g.data(F32, 64);
              var view = g.node(VIEW, F32, 4).from(source).viewOf(source, 0);
              view.with(it -> it.data(source.address() + 64));
            }));
  }

  private static Stream<Attack> lifetimes() {
    return Stream.of(
        Attack.of(
            "a stored graph whose buffer was freed",
            UNKNOWN_GRAPH,
            client -> {
              var graph = WireGraph.on(client, 0);
              var operand = graph.data(F32, 4);
              graph.node(SQR, F32, 4).from(operand);
              client.write(operand.build(), 1f, 2f, 3f, 4f);
              graph.send(0, 5);
              client.free(graph.buffer());
              client.recompute(0, 5);
            }),
        Attack.of(
            "a graph stored for another device",
            UNKNOWN_GRAPH,
            client -> {
              var graph = WireGraph.on(client, 0);
              var operand = graph.data(F32, 4);
              graph.node(SQR, F32, 4).from(operand);
              graph.send(0, 5);
              client.recompute(1, 5);
            }));
  }
}
