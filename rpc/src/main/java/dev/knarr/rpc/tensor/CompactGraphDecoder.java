// SPDX-License-Identifier: Apache-2.0
package dev.knarr.rpc.tensor;

import static dev.knarr.rpc.tensor.CompactGraphEncoder.NUMBER;
import static dev.knarr.rpc.tensor.CompactGraphEncoder.OWN_TARGET;
import static dev.knarr.rpc.tensor.CompactGraphEncoder.VIEW;
import static dev.knarr.rpc.tensor.CompactGraphEncoder.VIEW_IN_PLACE;
import static dev.knarr.rpc.tensor.CompactGraphEncoder.VIEW_OFFSET;

import dev.knarr.rpc.ProtocolFault;
import dev.knarr.rpc.RpcProtocolException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;

/**
 * Reads what {@link CompactGraphEncoder} has written, here or in a router: so nothing is taken on
 * trust, and what the graph itself must be is checked where it is made of it. One thread, one
 * graph.
 */
final class CompactGraphDecoder {
  private final byte[] in;
  private int at;
  private final List<Kind> kinds = new ArrayList<>();
  private final List<byte[]> patterns = new ArrayList<>();

  /**
   * What descriptors share.
   *
   * @param links as the encoder has them
   * @param fields a descriptor with the shared fields and nothing else
   */
  @SuppressWarnings("ArrayRecordComponent") // never compared
  private record Kind(int links, byte[] fields) {}

  CompactGraphDecoder(byte[] in) {
    this.in = in;
  }

  ComputeGraph decode(int maxNodes, int maxTensors) {
    try {
      return decodeGraph(maxNodes, maxTensors);
    } catch (IndexOutOfBoundsException _) {
      throw bad("it refers to what it does not have, or ends too early");
    }
  }

  private ComputeGraph decodeGraph(int maxNodes, int maxTensors) {
    int tensors = count("descriptors", maxTensors);
    int nodes = count("nodes", maxNodes);
    int start = 2 * Integer.BYTES + Long.BYTES * nodes;
    // Each descriptor takes a few bytes here, so that few bytes cannot ask for much memory.
    if (tensors > in.length || nodes > in.length) {
      throw bad(
          "%d descriptors and %d nodes are not in %d bytes".formatted(tensors, nodes, in.length));
    }
    byte[] wire = new byte[start + RpcTensor.BYTES * tensors];
    for (int i = 0; i < tensors; i++) {
      tensor(wire, start, i);
    }
    LittleEndian.putInt(wire, 0, nodes);
    LittleEndian.putInt(wire, start - Integer.BYTES, tensors);
    int index = -1;
    for (int node = 0; node < nodes; node++) {
      index += signed();
      LittleEndian.putLong(wire, Integer.BYTES + Long.BYTES * node, index + 1L);
    }
    if (at != in.length) {
      throw bad("%d of its %d bytes are too many".formatted(in.length - at, in.length));
    }
    return ComputeGraph.decode(wire, nodes, tensors);
  }

  private int count(String what, int most) {
    long count = number();
    if (count < 0 || count > most) {
      throw new RpcProtocolException(
          ProtocolFault.BUDGET_EXCEEDED,
          "Graph with %s %s is over the limit of %d"
              .formatted(Long.toUnsignedString(count), what, most));
    }
    return (int) count;
  }

  private static RpcProtocolException bad(String what) {
    return new RpcProtocolException(
        ProtocolFault.BAD_GRAPH, "The compact form of a graph is not valid: " + what);
  }

  private void tensor(byte[] wire, int start, int index) {
    int to = start + RpcTensor.BYTES * index;
    Kind kind = kind();
    System.arraycopy(kind.fields, 0, wire, to, RpcTensor.BYTES);
    long id = index + 1L;
    LittleEndian.putLong(wire, to + RpcTensor.ID, id);
    for (int k = 0; k < RpcTensor.MAX_SOURCES; k++) {
      if ((kind.links & 1 << k) != 0) {
        LittleEndian.putLong(wire, to + RpcTensor.SOURCES + Long.BYTES * k, id - number());
      }
    }
    if ((kind.links & OWN_TARGET) != 0) {
      LittleEndian.putLong(wire, to + RpcTensor.SOURCES + Long.BYTES, id);
    }
    long source = (kind.links & VIEW) == 0 ? 0 : id - number();
    long offset = (kind.links & VIEW_OFFSET) == 0 ? 0 : number();
    LittleEndian.putLong(wire, to + RpcTensor.VIEW_SOURCE, source);
    LittleEndian.putLong(wire, to + RpcTensor.VIEW_OFFSET, offset);
    if ((kind.links & VIEW_IN_PLACE) != 0) {
      int from = start + RpcTensor.BYTES * (int) Objects.checkIndex(source - 1, index);
      long place = LittleEndian.getLong(wire, from + RpcTensor.DATA) + offset;
      LittleEndian.putLong(wire, to + RpcTensor.DATA, place);
    } else if (LittleEndian.getLong(wire, to + RpcTensor.BUFFER) != 0) {
      LittleEndian.putLong(wire, to + RpcTensor.DATA, Long.rotateLeft(number(), 5));
    }
    name(wire, to + RpcTensor.NAME);
  }

  private Kind kind() {
    int known = index(kinds.size());
    if (known < kinds.size()) {
      return kinds.get(known);
    }
    byte[] fields = new byte[RpcTensor.BYTES];
    int links = (int) number();
    LittleEndian.putLong(fields, RpcTensor.BUFFER, number());
    LittleEndian.putInt(fields, RpcTensor.TYPE, (int) number());
    for (int field = RpcTensor.NE; field < RpcTensor.OP; field += Integer.BYTES) {
      LittleEndian.putInt(fields, field, (int) number());
    }
    LittleEndian.putInt(fields, RpcTensor.OP, (int) number());
    LittleEndian.putInt(fields, RpcTensor.FLAGS, (int) number());
    LittleEndian.putInt(fields, RpcTensor.USE_COUNT, (int) number());
    int params = (int) number();
    for (int i = 0; i < OpParams.COUNT; i++) {
      if ((params & 1 << i) != 0) {
        LittleEndian.putInt(fields, RpcTensor.OP_PARAMS + Integer.BYTES * i, (int) number());
      }
    }
    Kind kind = new Kind(links, fields);
    kinds.add(kind);
    return kind;
  }

  private void name(byte[] wire, int start) {
    int known = index(patterns.size());
    if (known == patterns.size()) {
      int length = (int) number();
      Objects.checkFromIndexSize(at, length, in.length);
      patterns.add(Arrays.copyOfRange(in, at, at + length));
      at += length;
    }
    int to = start;
    for (byte part : patterns.get(known)) {
      if (part == NUMBER) {
        byte[] digits = Long.toString(number()).getBytes(StandardCharsets.US_ASCII);
        requireRoom(to, digits.length, start);
        System.arraycopy(digits, 0, wire, to, digits.length);
        to += digits.length;
      } else {
        requireRoom(to, 1, start);
        wire[to++] = part;
      }
    }
  }

  /** Of something that is known, or of the next that will be. */
  private int index(int size) {
    return (int) Objects.checkIndex(number(), size + 1L);
  }

  /** A name with more digits than there is room for would run into the next field. */
  private static void requireRoom(int to, int bytes, int start) {
    Objects.checkFromIndexSize(to - start, bytes, RpcTensor.NAME_BYTES);
  }

  private long number() {
    long value = 0;
    int shift = 0;
    byte part;
    do {
      if (shift >= Long.SIZE) {
        throw bad("it has a number of more than 64 bits");
      }
      part = in[at++];
      value |= (part & 0x7fL) << shift;
      shift += 7;
    } while (part < 0);
    return value;
  }

  private int signed() {
    int value = (int) number();
    return value >>> 1 ^ -(value & 1);
  }
}
