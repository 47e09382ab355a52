// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker;

import dev.knarr.rpc.RpcProtocolException;
import dev.knarr.rpc.RpcRequest;
import dev.knarr.rpc.RpcResponse;
import dev.knarr.rpc.tensor.RpcTensor;
import dev.knarr.rpc.tensor.TensorOp;
import dev.knarr.rpc.tensor.TensorShape;
import dev.knarr.rpc.tensor.TensorType;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;

/**
 * A client that does what some bytes say: commands that make sense one after the other, over
 * buffers, tensors and graphs that it has made before, with a field changed here and there. It ends
 * after some dozens of commands, or when the worker has closed its connection.
 */
final class ScriptedAbuse {
  private static final int BUFFER_BYTES = 1 << 16;
  private static final int MOST_BUFFERS = 4;
  private static final long MOST_ELEMENTS = 4096;
  private static final int MOST_COMMANDS = 40;
  private static final long[] EXTENTS = {1, 2, 3, 4, 7, 8, 32, 64, 256};
  private static final TensorType[] TYPES = {
    TensorType.F32,
    TensorType.F32,
    TensorType.F16,
    TensorType.I32,
    TensorType.I64,
    TensorType.Q8_0,
    TensorType.Q4_0,
    TensorType.BF16
  };

  private static final TensorType[] WEIGHTS = {
    TensorType.F32, TensorType.F16, TensorType.Q8_0, TensorType.Q4_0, TensorType.BF16
  };
  private static final TensorOp[] UNARY = {
    TensorOp.SQR,
    TensorOp.SQRT,
    TensorOp.LOG,
    TensorOp.SIN,
    TensorOp.COS,
    TensorOp.CONT,
    TensorOp.DUP,
    TensorOp.SCALE,
    TensorOp.LEAKY_RELU,
    TensorOp.CLAMP,
    TensorOp.UNARY
  };
  private static final TensorOp[] BINARY = {TensorOp.ADD, TensorOp.SUB, TensorOp.MUL, TensorOp.DIV};

  private final Script script;
  private final RawClient client;
  private final int devices;
  private final List<RawClient.Buffer> buffers = new ArrayList<>();
  private final List<RpcTensor> tensors = new ArrayList<>();
  private final List<Long> uids = new ArrayList<>();

  /** How seldom it goes wrong: the later, the further it gets. */
  private final int sense;

  private ScriptedAbuse(byte[] script, RawClient client, int devices) {
    this.script = new Script(script);
    this.client = client;
    this.devices = devices;
    this.sense = 10 + 2 * this.script.next();
  }

  /**
   * Choices: what the bytes say, and when they are used up what follows from them, so that few
   * bytes make a long story too.
   */
  static final class Script {
    private final ByteBuffer bytes;
    private final Random more;

    Script(byte[] bytes) {
      this.bytes = ByteBuffer.wrap(bytes);
      this.more = new Random(Arrays.hashCode(bytes));
    }

    int next() {
      return bytes.hasRemaining() ? bytes.get() & 0xff : more.nextInt(256);
    }

    int of(int count) {
      return next() % count;
    }

    boolean oneIn(int count) {
      return (next() << 8 | next()) % count == count - 1;
    }

    /** A number that is often at an edge of something. */
    long odd() {
      return switch (of(10)) {
        case 0 -> 0;
        case 1 -> -1;
        case 2 -> Long.MIN_VALUE;
        case 3 -> Long.MAX_VALUE;
        case 4 -> 1L << of(64);
        case 5 -> (1L << of(64)) - 1;
        case 6 -> 0xffff_ffffL;
        case 7 -> next();
        default -> (long) next() << 8 | next();
      };
    }
  }

  /** Plays the script of one client. */
  static void play(byte[] script, int port, int devices) throws IOException {
    try (var client = RawClient.to(port)) {
      new ScriptedAbuse(script, client, devices).play();
    } catch (IOException | RpcProtocolException | IllegalStateException e) {
      // The worker has closed the connection, as it may; so the client's own channel says.
    }
  }

  private void play() throws IOException {
    buffers.add(client.allocate(0, BUFFER_BYTES));
    for (int i = 0; i < MOST_COMMANDS; i++) {
      command();
    }
    client.channel().send(new RpcRequest.DeviceCount());
    client.channel().receive(RpcResponse.DeviceCounted.class);
  }

  private void command() throws IOException {
    switch (script.of(16)) {
      case 0 -> allocate();
      case 1 -> client.channel().send(new RpcRequest.FreeBuffer(handle(true)));
      case 2 ->
          client.channel().send(new RpcRequest.BufferClear(handle(false), (byte) script.next()));
      case 3 -> client.channel().send(new RpcRequest.InitTensor(mutated(place(any()))));
      case 4 -> set();
      case 5 -> get();
      case 6 -> {
        client.channel().send(new RpcRequest.CopyTensor(mutated(known()), mutated(known())));
        client.channel().receive(RpcResponse.TensorCopied.class);
      }
      case 7 -> recompute();
      case 8 ->
          client
              .channel()
              .send(
                  new RpcRequest.MemsetTensor(
                      mutated(known()), small(), small(), (byte) script.next()));
      case 9 -> {
        client.channel().send(new RpcRequest.SetTensorHash(mutated(known()), small(), 77));
        client.channel().receive(RpcResponse.TensorHashed.class);
      }
      case 10 -> {
        var sources = new ArrayList<RpcTensor>();
        for (int i = 0; i < RpcTensor.MAX_SOURCES; i++) {
          sources.add(i < 3 ? mutated(known()) : RpcTensor.builder().build());
        }
        var result =
            mutated(known()).toBuilder().op(script.oneIn(sense) ? script.of(101) : 0).build();
        client.channel().send(new RpcRequest.GetAllocSize(device(), result, sources));
        client.channel().receive(RpcResponse.AllocSize.class);
      }
      case 11 -> {
        if (script.oneIn(sense)) {
          client.channel().send(new RpcRequest.CommAllreduce(device(), mutated(known())));
        }
      }
      case 12 -> client.channel().send(new RpcRequest.CommFree(device()));
      default -> graph();
    }
    client.channel().flush();
  }

  private void allocate() throws IOException {
    if (script.oneIn(sense)) {
      client.channel().send(new RpcRequest.AllocBuffer(device(), script.odd()));
      client.channel().receive(RpcResponse.AllocatedBuffer.class);
    } else if (buffers.size() < MOST_BUFFERS) {
      buffers.add(client.allocate(script.of(devices), BUFFER_BYTES));
    }
  }

  private void set() throws IOException {
    var plain = known();
    var tensor = mutated(plain);
    int bytes = (int) Math.min(plain.byteSize(), 1 << 16);
    long offset = script.oneIn(sense) ? script.odd() : 0;
    client.channel().send(new RpcRequest.SetTensor(tensor, false, offset, bytes));
    byte[] data = new byte[bytes];
    for (int i = 0; i < bytes; i++) {
      // Mostly small whole numbers, which are row numbers too.
      data[i] = (byte) (i % 4 == 0 ? script.next() % 4 : 0);
    }
    client.channel().sendData(ByteBuffer.wrap(data));
  }

  private void get() throws IOException {
    var plain = known();
    var tensor = mutated(plain);
    long bytes = script.oneIn(sense) ? script.odd() : Math.min(plain.byteSize(), 1 << 16);
    long offset = script.oneIn(sense) ? script.odd() : 0;
    client.channel().send(new RpcRequest.GetTensor(tensor, offset, bytes));
    long coming = client.channel().receive(RpcResponse.TensorData.class).bytes();
    client.channel().receiveData(ByteBuffer.allocate((int) coming));
  }

  private void recompute() throws IOException {
    if (uids.isEmpty()) {
      return;
    }
    long uid = script.oneIn(sense) ? script.odd() : uids.get(script.of(uids.size()));
    client.channel().send(new RpcRequest.GraphRecompute(device(), uid));
  }

  /** A few nodes, each of operands of its own or made by an earlier node. */
  private void graph() throws IOException {
    var described = new ArrayList<RpcTensor>();
    var ids = new ArrayList<Long>();
    for (int i = script.of(6); i >= 0; i--) {
      var node = mutated(script.oneIn(sense) ? senseless(described) : node(described));
      described.add(node);
      ids.add(script.oneIn(10 * sense) ? script.odd() : node.id());
    }
    tensors.add(described.getLast());
    long uid = script.of(4);
    if (uid != 0) {
      uids.add(uid);
    }
    client.sendBytes(Frames.graph(device(), uid, ids, described));
  }

  /** A node that its operation's rule lets pass; its operands are put before it. */
  private RpcTensor node(List<RpcTensor> described) {
    long n = EXTENTS[script.of(EXTENTS.length)];
    long rows = EXTENTS[script.of(5)];
    return switch (script.of(14)) {
      case 0 -> result(UNARY[script.of(UNARY.length)], like(operand(described)), described);
      case 1 -> {
        var a = operand(described);
        yield result(
            BINARY[script.of(BINARY.length)], like(a), described, a, fresh(like(a), described));
      }
      case 2 -> {
        var weights = fresh(plain(WEIGHTS[script.of(WEIGHTS.length)], 64, rows), described);
        yield result(
            TensorOp.MUL_MAT,
            plain(TensorType.F32, rows, n),
            described,
            weights,
            fresh(plain(TensorType.F32, 64, n), described));
      }
      case 3 -> {
        var table = fresh(plain(WEIGHTS[script.of(WEIGHTS.length)], 64, 8), described);
        yield result(
            TensorOp.GET_ROWS,
            plain(TensorType.F32, 64, rows),
            described,
            table,
            fresh(plain(TensorType.I32, rows, 1), described));
      }
      case 4 -> {
        var scores = fresh(plain(TensorType.F32, n, rows), described);
        yield result(TensorOp.ARGSORT, plain(TensorType.I32, n, rows), described, scores);
      }
      case 5 -> {
        var a = operand(described);
        yield result(
            TensorOp.CPY,
            plain(TensorType.F16, a.ne(0), a.ne(1)),
            described,
            a,
            fresh(plain(TensorType.F16, a.ne(0), a.ne(1)), described));
      }
      case 6 -> result(TensorOp.SOFT_MAX, like(operand(described)), described);
      case 7 -> {
        var a = operand(described);
        yield result(TensorOp.SUM_ROWS, plain(TensorType.F32, 1, a.ne(1)), described, a);
      }
      case 8 -> {
        var a = fresh(plain(TensorType.F32, n, rows), described);
        yield result(
            TensorOp.CONCAT,
            plain(TensorType.F32, 2 * n, rows),
            described,
            a,
            fresh(like(a), described));
      }
      case 9 -> {
        var a = operand(described);
        yield result(TensorOp.VIEW, like(a), described, a).toBuilder()
            .view(a.id(), 0)
            .buffer(a.buffer())
            .data(a.data())
            .build();
      }
      case 10 -> {
        var table = fresh(plain(TensorType.F32, 64, 8), described);
        var values = fresh(plain(TensorType.F32, 64, rows), described);
        var ids = fresh(plain(TensorType.I64, rows, 1), described);
        yield result(TensorOp.SET_ROWS, like(table), described, values, ids, table).toBuilder()
            .view(table.id(), 0)
            .buffer(table.buffer())
            .data(table.data())
            .build();
      }
      case 11 -> {
        var a = operand(described);
        yield result(
            TensorOp.REPEAT, plain(TensorType.F32, 2 * a.ne(0), 3 * a.ne(1)), described, a);
      }
      case 12 -> {
        var weights =
            fresh(
                RpcTensor.builder()
                    .type(TensorType.F32)
                    .shape(TensorShape.contiguous(TensorType.F32, 64, rows, 4, 1))
                    .build(),
                described);
        var columns =
            fresh(
                RpcTensor.builder()
                    .type(TensorType.F32)
                    .shape(TensorShape.contiguous(TensorType.F32, 64, 2, 3, 1))
                    .build(),
                described);
        var ids = fresh(plain(TensorType.I32, 2, 3), described);
        yield result(
            TensorOp.MUL_MAT_ID,
            RpcTensor.builder()
                .type(TensorType.F32)
                .shape(TensorShape.contiguous(TensorType.F32, rows, 2, 3, 1))
                .build(),
            described,
            weights,
            columns,
            ids);
      }
      default -> result(TensorOp.RMS_NORM, like(operand(described)), described);
    };
  }

  /** Any operation with any operands and parameters. */
  private RpcTensor senseless(List<RpcTensor> described) {
    var node = operand(described).toBuilder().id(client.nextId());
    node.op(script.of(TensorOp.count())).flags(RpcTensor.FLAG_COMPUTE);
    for (int i = 0; i < RpcTensor.MAX_SOURCES && script.of(4) > 0; i++) {
      node.source(i, operand(described).id());
    }
    for (int i = script.of(5); i > 0; i--) {
      node.opParam(script.of(16), script.oneIn(3) ? (int) script.odd() : script.of(4));
    }
    return node.build();
  }

  /** An F32 tensor of the graph, mostly one that an earlier node has made. */
  private RpcTensor operand(List<RpcTensor> described) {
    var made = described.stream().filter(it -> it.type() == TensorType.F32.code()).toList();
    return made.isEmpty() || script.oneIn(4)
        ? fresh(
            plain(TensorType.F32, EXTENTS[script.of(EXTENTS.length)], EXTENTS[script.of(5)]),
            described)
        : made.get(script.of(made.size()));
  }

  private RpcTensor fresh(RpcTensor shape, List<RpcTensor> described) {
    var tensor = mutated(place(shape).toBuilder().id(client.nextId()).build());
    described.add(tensor);
    return tensor;
  }

  private RpcTensor result(
      TensorOp op, RpcTensor shape, List<RpcTensor> described, RpcTensor... operands) {
    var node = place(shape).toBuilder().id(client.nextId()).op(op).flags(RpcTensor.FLAG_COMPUTE);
    if (operands.length == 0) {
      // The operand it is like is the last that was looked at, or another of that shape.
      node.source(0, sameShape(shape, described).id());
    }
    for (int i = 0; i < operands.length; i++) {
      node.source(i, operands[i].id());
    }
    switch (op) {
      case SOFT_MAX -> node.opParam(0, Float.floatToIntBits(1));
      case RMS_NORM -> node.opParam(0, Float.floatToIntBits(1e-5f));
      default -> {}
    }
    return node.build();
  }

  private static RpcTensor sameShape(RpcTensor shape, List<RpcTensor> described) {
    return described.stream()
        .filter(it -> it.type() == shape.type() && it.shape().equals(shape.shape()))
        .reduce((_, last) -> last)
        .orElseThrow();
  }

  private static RpcTensor plain(TensorType type, long ne0, long ne1) {
    // An operand with an extent that was changed would not fit on the wire.
    long columns = Math.min(ne0, MOST_ELEMENTS);
    long rows = Math.min(ne1, MOST_ELEMENTS);
    return RpcTensor.builder()
        .type(type)
        .shape(TensorShape.contiguous(type, columns, rows, 1, 1))
        .build();
  }

  private static RpcTensor like(RpcTensor tensor) {
    return RpcTensor.builder().type(tensor.type()).shape(tensor.shape()).build();
  }

  /** A tensor that was described before, or a new one. */
  private RpcTensor known() {
    return tensors.isEmpty() || script.oneIn(3) ? any() : tensors.get(script.of(tensors.size()));
  }

  /** A tensor of a shape that fits its type, somewhere in a buffer. */
  private RpcTensor any() {
    var type = TYPES[script.of(TYPES.length)];
    long ne0 = EXTENTS[script.of(EXTENTS.length)];
    if (ne0 % type.blockElements() != 0) {
      ne0 = type.blockElements();
    }
    var shape =
        TensorShape.contiguous(
            type, ne0, EXTENTS[script.of(5)], EXTENTS[script.of(3)], EXTENTS[script.of(2)]);
    return place(RpcTensor.builder().type(type).shape(shape).id(client.nextId()).build());
  }

  private RpcTensor place(RpcTensor tensor) {
    var buffer = buffers.get(script.of(buffers.size()));
    long address = buffer.base() + 256L * script.of(64);
    return tensor.toBuilder().buffer(buffer.handle()).data(address).build();
  }

  /** The same, or with one field changed. */
  private RpcTensor mutated(RpcTensor tensor) {
    if (!script.oneIn(sense)) {
      return tensor;
    }
    var changed = tensor.toBuilder();
    var shape = tensor.shape();
    long[] ne = {shape.ne(0), shape.ne(1), shape.ne(2), shape.ne(3)};
    long[] nb = {shape.nb(0), shape.nb(1), shape.nb(2), shape.nb(3)};
    int dimension = script.of(4);
    switch (script.of(8)) {
      case 0 -> changed.type((int) script.odd());
      case 1 -> changed.op((int) script.odd());
      case 2 -> changed.buffer(script.odd());
      case 3 -> changed.data(tensor.data() + script.odd());
      case 4 -> changed.source(script.of(RpcTensor.MAX_SOURCES), script.odd());
      case 5 -> changed.flags(script.next());
      case 6 -> ne[dimension] = script.odd() & 0xffff_ffffL;
      default -> nb[dimension] = script.odd() & 0xffff_ffffL;
    }
    changed.shape(new TensorShape(ne[0], ne[1], ne[2], ne[3], nb[0], nb[1], nb[2], nb[3]));
    return changed.build();
  }

  private long handle(boolean forget) {
    if (script.oneIn(sense)) {
      return script.odd();
    }
    int index = script.of(buffers.size());
    return forget && buffers.size() > 1
        ? buffers.remove(index).handle()
        : buffers.get(index).handle();
  }

  private int device() {
    return script.oneIn(sense) ? (int) script.odd() : script.of(devices);
  }

  private long small() {
    return script.oneIn(sense) ? script.odd() : 0;
  }
}
