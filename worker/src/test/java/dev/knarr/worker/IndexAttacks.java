// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker;

import static dev.knarr.rpc.ProtocolFault.OUT_OF_RANGE;
import static dev.knarr.rpc.tensor.TensorType.F16;
import static dev.knarr.rpc.tensor.TensorType.F32;
import static dev.knarr.rpc.tensor.TensorType.I32;
import static dev.knarr.rpc.tensor.TensorType.I64;

import dev.knarr.rpc.tensor.TensorOp;
import java.util.List;
import java.util.stream.Stream;

/**
 * Attacks by row numbers outside of their table, which ggml's kernels trust or assert on: as data
 * of the client, and made by the graph itself. Each on the CPU and on a device whose memory the
 * host cannot read.
 */
final class IndexAttacks {
  private static final List<Integer> DEVICES = List.of(0, 1);

  private IndexAttacks() {}

  static Stream<Attack> all() {
    return DEVICES.stream().flatMap(device -> Stream.concat(asData(device), computed(device)));
  }

  private static Attack attack(String what, int device, Attack.Script script) {
    return Attack.of(what + ", device " + device, OUT_OF_RANGE, script);
  }

  private static Stream<Attack> asData(int device) {
    return Stream.of(
        getRows("GET_ROWS of the row behind the last", device, 4),
        getRows("GET_ROWS of row -1", device, -1),
        getRows("GET_ROWS of row 2^31 - 1", device, Integer.MAX_VALUE),
        setRows("SET_ROWS to the row behind the last", device, 4),
        setRows("SET_ROWS to row 2^40", device, 1L << 40),
        setRows("SET_ROWS to row -2^63", device, Long.MIN_VALUE),
        attack(
            "MUL_MAT_ID with an expert that does not exist",
            device,
            client -> {
              var g = WireGraph.on(client, device);
              var experts = g.data(F32, 64, 4, 2);
              var columns = g.data(F32, 64, 1, 1);
              var ids = g.data(I32, 1, 1);
              var product = g.node(TensorOp.MUL_MAT_ID, F32, 4, 1, 1).from(experts, columns, ids);
              client.write(ids.build(), 2);
              g.send(device, 1);
              client.sendRead(product.build());
            }),
        attack(
            "a stored graph whose row numbers have gone bad",
            device,
            client -> {
              var g = WireGraph.on(client, device);
              var table = g.data(F32, 8, 4);
              var ids = g.data(I32, 2);
              var rows = g.node(TensorOp.GET_ROWS, F32, 8, 2).from(table, ids);
              client.write(ids.build(), 0, 3);
              g.send(device, 1);
              client.readBytes(rows.build());
              client.write(ids.build(), 0, 1_000_000);
              client.recompute(device, 1);
              client.sendRead(rows.build());
            }));
  }

  private static Attack getRows(String what, int device, int row) {
    return attack(
        what,
        device,
        client -> {
          var g = WireGraph.on(client, device);
          var table = g.data(F32, 8, 4);
          var ids = g.data(I32, 2);
          var rows = g.node(TensorOp.GET_ROWS, F32, 8, 2).from(table, ids);
          client.write(ids.build(), 0, row);
          g.send(device, 1);
          client.sendRead(rows.build());
        });
  }

  private static Attack setRows(String what, int device, long row) {
    return attack(
        what,
        device,
        client -> {
          var g = WireGraph.on(client, device);
          var source = g.data(F32, 8, 1);
          var ids = g.data(I64, 1);
          var table = g.data(F16, 8, 4);
          g.node(TensorOp.SET_ROWS, F16, 8, 4).from(source, ids, table).viewOf(table, 0);
          client.write(ids.build(), Frames.buffer(8).putLong(row).flip());
          g.send(device, 1);
          client.sendRead(table.build());
        });
  }

  private static Stream<Attack> computed(int device) {
    return Stream.of(
        attack(
            "row numbers converted from floats",
            device,
            client -> {
              var g = WireGraph.on(client, device);
              var table = g.data(F32, 8, 4);
              var floats = g.data(F32, 2);
              var ids = g.data(I32, 2);
              var converted = g.node(TensorOp.CPY, I32, 2).from(floats, ids).viewOf(ids, 0);
              var rows = g.node(TensorOp.GET_ROWS, F32, 8, 2).from(table, converted);
              client.write(floats.build(), 1f, 4e6f);
              g.send(device, 1);
              client.sendRead(rows.build());
            }),
        attack(
            "row numbers that a later node writes over",
            device,
            client -> {
              var g = WireGraph.on(client, device);
              var table = g.data(F32, 8, 4);
              var scores = g.data(F32, 4, 1);
              var order = g.node(TensorOp.ARGSORT, I32, 4, 1).from(scores);
              var floats = g.data(F32, 4);
              g.node(TensorOp.CPY, I32, 4).from(floats, order).with(it -> it.data(order.address()));
              var rows = g.node(TensorOp.GET_ROWS, F32, 8, 4).from(table, order);
              client.write(scores.build(), 4f, 3f, 2f, 1f);
              client.write(floats.build(), 0f, 1f, 2f, 123456f);
              g.send(device, 1);
              client.sendRead(rows.build());
            }),
        attack(
            "the order of a longer row as row numbers",
            device,
            client -> {
              var g = WireGraph.on(client, device);
              var table = g.data(F32, 8, 4);
              var scores = g.data(F32, 8, 1);
              var order = g.node(TensorOp.ARGSORT, I32, 8, 1).from(scores);
              var rows = g.node(TensorOp.GET_ROWS, F32, 8, 8).from(table, order);
              client.write(scores.build(), 8f, 7f, 6f, 5f, 4f, 3f, 2f, 1f);
              g.send(device, 1);
              client.sendRead(rows.build());
            }),
        attack(
            "row numbers that the node itself writes over",
            device,
            client -> {
              var g = WireGraph.on(client, device);
              var table = g.data(F32, 8, 4);
              var ids = g.data(I32, 2);
              g.node(TensorOp.GET_ROWS, F32, 8, 2)
                  .from(table, ids)
                  .with(it -> it.data(ids.address()));
              client.write(ids.build(), 0, 1);
              g.send(device, 1);
            }));
  }
}
