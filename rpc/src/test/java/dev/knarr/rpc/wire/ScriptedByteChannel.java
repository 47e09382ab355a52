// SPDX-License-Identifier: Apache-2.0
package dev.knarr.rpc.wire;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.channels.ByteChannel;
import java.util.function.IntUnaryOperator;

/** A connection whose other side has said everything already; counts how it is used. One thread. */
final class ScriptedByteChannel implements ByteChannel {
  private final ByteBuffer input;
  private final IntUnaryOperator chunk;
  private final ByteArrayOutputStream output = new ByteArrayOutputStream();
  private boolean open = true;
  private int reads;
  private int writes;
  private int largestRead;

  /** Gives and takes at most so many bytes per call as {@code chunk} says of the call's number. */
  ScriptedByteChannel(byte[] input, IntUnaryOperator chunk) {
    this.input = ByteBuffer.wrap(input);
    this.chunk = chunk;
  }

  static ScriptedByteChannel of(byte... input) {
    return new ScriptedByteChannel(input, _ -> Integer.MAX_VALUE);
  }

  @Override
  public int read(ByteBuffer destination) {
    reads++;
    if (!input.hasRemaining()) {
      return -1;
    }
    int bytes =
        Math.min(Math.min(input.remaining(), destination.remaining()), chunk.applyAsInt(reads));
    destination.put(input.slice(input.position(), bytes));
    input.position(input.position() + bytes);
    largestRead = Math.max(largestRead, bytes);
    return bytes;
  }

  @Override
  public int write(ByteBuffer source) {
    writes++;
    int bytes = Math.min(source.remaining(), chunk.applyAsInt(writes));
    byte[] copy = new byte[bytes];
    source.get(copy);
    output.writeBytes(copy);
    return bytes;
  }

  byte[] written() {
    return output.toByteArray();
  }

  int unread() {
    return input.remaining();
  }

  int reads() {
    return reads;
  }

  int writes() {
    return writes;
  }

  int largestRead() {
    return largestRead;
  }

  @Override
  public boolean isOpen() {
    return open;
  }

  @Override
  public void close() {
    open = false;
  }
}
