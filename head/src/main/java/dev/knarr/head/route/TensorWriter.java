// SPDX-License-Identifier: Apache-2.0
package dev.knarr.head.route;

import dev.knarr.head.route.ModelFiles.FileTensor;
import dev.knarr.rpc.RouteRequest;
import dev.knarr.rpc.RouteRequest.Range;
import dev.knarr.rpc.RouteResponse;
import dev.knarr.rpc.RpcRequest.SetTensor;
import dev.knarr.rpc.RpcRequest.SetTensor2d;
import dev.knarr.rpc.RpcRequest.SetTensorHash;
import dev.knarr.rpc.RpcResponse;
import dev.knarr.rpc.tensor.RpcTensor;
import dev.knarr.rpc.wire.RpcServerChannel;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.util.OptionalLong;
import org.jspecify.annotations.Nullable;

/**
 * Takes what a client writes into tensors: inputs of graphs are packed, weights are offered by
 * their content, or passed on as they come. The client's thread only.
 */
final class TensorWriter implements AutoCloseable {
  private static final int PIECE_BYTES = 256 << 10;

  private final RpcServerChannel channel;
  private final Arena arena = Arena.ofConfined();
  private final ModelFiles models;
  private final ByteBuffer compared;
  private MemorySegment piece;

  /** What the client has asked for last, and is about to send. */
  private @Nullable Announced announced;

  /** Whether the worker was asked too. */
  private record Announced(Range range, long hash, boolean inVain) {}

  /**
   * A writer.
   *
   * @param channel from the client
   * @param models that it may load
   */
  TensorWriter(RpcServerChannel channel, ModelFiles models) {
    this.channel = channel;
    this.models = models;
    this.compared = arena.allocate(PIECE_BYTES, 64).asByteBuffer();
    this.piece = arena.allocate(PIECE_BYTES, 64);
  }

  void write(SetTensor set, RoutedBuffer buffer, WorkerRoute route) throws IOException {
    var weights = route.weights().orElse(null);
    if (isInput(set, buffer)) {
      if (route.packsInputs()) {
        writeInput(set, buffer, route);
        return;
      }
    } else if (weights != null && set.dataBytes() >= WeightStream.LEAST_BYTES) {
      route.reads().forget();
      writeWeights(set, buffer, route, weights);
      return;
    }
    pass(set, buffer, route);
  }

  private void pass(SetTensor set, RoutedBuffer buffer, WorkerRoute route) throws IOException {
    route.reads().forget();
    route.pass(set, buffer);
    passData(set.dataBytes(), route);
    route.brought(buffer, set.tensor(), set.dataBytes(), false);
  }

  /**
   * Whether this is written again and again, or at least is no weight: it costs time to find out
   * what of it is new. The scheduler of ggml calls its copies of inputs so; a buffer is cleared
   * where it holds a cache. A wrong guess costs bytes.
   */
  private static boolean isInput(SetTensor set, RoutedBuffer buffer) {
    return buffer.wasCleared() || set.tensor().name().startsWith("RPC");
  }

  private void writeInput(SetTensor set, RoutedBuffer buffer, WorkerRoute route)
      throws IOException {
    var range = buffer.range(set.tensor(), set.offset(), set.dataBytes());
    long done = 0;
    do {
      int bytes = (int) Math.min(RouteRequest.MAX_PIECE_BYTES, set.dataBytes() - done);
      var content = piece(bytes);
      channel.readData(content.asByteBuffer());
      route.writeInput(new Range(range.buffer(), range.offset() + done, bytes), content);
      done += bytes;
    } while (done < set.dataBytes());
  }

  /**
   * Whether the worker has what a client means, or will have it before anything else is carried out
   * there.
   */
  boolean isKnown(RpcTensor tensor, long offset, long hash, RoutedBuffer buffer, WorkerRoute route)
      throws WorkerLostException {
    announced = null;
    long bytes = tensor.byteSize() - offset;
    var weights = route.weights().orElse(null);
    if (weights == null) {
      var request = new SetTensorHash(buffer.toWorker(tensor), offset, hash);
      boolean found = route.link().ask(request, RpcResponse.TensorHashed.class).found();
      if (found) {
        route.brought(buffer, tensor, bytes, true);
      }
      return found;
    }
    var range = buffer.range(tensor, offset, bytes);
    var inFiles = models.find(tensor.name(), bytes);
    for (var file : inFiles) {
      if (file.hash().equals(OptionalLong.of(hash))) {
        weights.add(piece(range, tensor, buffer, OptionalLong.of(hash), file), false);
        return true;
      }
    }
    // The answer would come behind all that is on its way: the client's bytes are here sooner, and
    // need not be held. Only a parked buffer answers at once.
    if (!inFiles.isEmpty() && !(buffer.isAdopted() && weights.isSettled())) {
      announced = new Announced(range, hash, false);
      return false;
    }
    boolean known =
        route.link().ask(new RouteRequest.Offer(range, hash), RouteResponse.Offered.class).known();
    if (known) {
      route.brought(buffer, tensor, bytes, true);
    } else {
      announced = new Announced(range, hash, true);
    }
    return known;
  }

  private static WeightStream.Piece piece(
      Range range, RpcTensor tensor, RoutedBuffer buffer, OptionalLong hash, Content content) {
    return new WeightStream.Piece(range, tensor.name(), buffer.device(), hash, content);
  }

  /** Leaves the data to the stream: in its file where it is in one, else in memory. */
  private void writeWeights(
      SetTensor set, RoutedBuffer buffer, WorkerRoute route, WeightStream weights)
      throws IOException {
    long bytes = set.dataBytes();
    var range = buffer.range(set.tensor(), set.offset(), bytes);
    var asked = announced != null && announced.range.equals(range) ? announced : null;
    announced = null;
    var hash = asked == null ? OptionalLong.empty() : OptionalLong.of(asked.hash);
    var first = readPiece(bytes);
    var file = inFile(set, first);
    long done = 0;
    var read = first;
    while (file != null && file.has(done, read, compared)) {
      done += read.remaining();
      if (done == bytes) {
        hash.ifPresent(file::is);
        weights.add(piece(range, set.tensor(), buffer, hash, file), asked != null && asked.inVain);
        return;
      }
      read = readPiece(bytes - done);
    }
    if (bytes <= WeightStream.LARGEST_HELD_BYTES) {
      var held = ByteBuffer.allocateDirect((int) bytes);
      readFrom(file, 0, held.limit((int) done));
      held.limit(held.capacity()).put(read);
      channel.readData(held);
      weights.add(
          piece(range, set.tensor(), buffer, hash, new Content.Held(held.flip())),
          asked != null && asked.inVain);
      return;
    }
    if (hash.isPresent()) {
      route.pass(new RouteRequest.Weights(range, hash.getAsLong()));
    } else {
      route.pass(set, buffer);
    }
    long passed = done + read.remaining();
    for (long from = 0; from < done; from += compared.limit()) {
      readFrom(file, from, compared.clear().limit((int) Math.min(PIECE_BYTES, done - from)));
      route.passData(compared.flip());
    }
    route.passData(read);
    passData(bytes - passed, route);
    route.brought(buffer, set.tensor(), bytes, false);
  }

  private static void readFrom(@Nullable FileTensor file, long from, ByteBuffer target)
      throws IOException {
    if (file != null) {
      file.read(from, target);
    }
  }

  /** The tensor of a file that begins like this, if a file can have all of it. */
  private @Nullable FileTensor inFile(SetTensor set, ByteBuffer first) throws IOException {
    if (set.offset() == 0 && set.dataBytes() == set.tensor().byteSize()) {
      for (var file : models.find(set.tensor().name(), set.dataBytes())) {
        if (file.has(0, first, compared)) {
          return file;
        }
      }
    }
    return null;
  }

  private ByteBuffer readPiece(long left) throws IOException {
    var data = piece((int) Math.min(PIECE_BYTES, left)).asByteBuffer();
    channel.readData(data);
    return data.flip();
  }

  void write(SetTensor2d set, RoutedBuffer buffer, WorkerRoute route) throws IOException {
    route.reads().forget();
    route.pass(
        new SetTensor2d(
            buffer.toWorker(set.tensor()),
            set.offset(),
            set.pieceBytes(),
            set.pieces(),
            set.stride()));
    passData(set.dataBytes(), route);
    route.brought(buffer, set.tensor(), set.dataBytes(), false);
  }

  private void passData(long bytes, WorkerRoute route) throws IOException {
    ByteBuffer data = piece.asByteBuffer();
    for (long done = 0; done < bytes; done += data.limit()) {
      data.clear().limit((int) Math.min(data.capacity(), bytes - done));
      channel.readData(data);
      route.passData(data.flip());
    }
  }

  private MemorySegment piece(int bytes) {
    if (piece.byteSize() < bytes) {
      piece = arena.allocate(RouteRequest.MAX_PIECE_BYTES, 64);
    }
    return piece.asSlice(0, bytes);
  }

  @Override
  public void close() {
    arena.close();
  }
}
