// SPDX-License-Identifier: Apache-2.0
package dev.knarr.head.relay;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.ByteChannel;
import java.util.concurrent.atomic.AtomicLong;

/** Counts what passes, to compare with meters that count frames. */
final class CountingChannel implements ByteChannel {

  final AtomicLong read = new AtomicLong();
  final AtomicLong written = new AtomicLong();
  private final ByteChannel inner;

  CountingChannel(ByteChannel inner) {
    this.inner = inner;
  }

  @Override
  public int read(ByteBuffer destination) throws IOException {
    int bytes = inner.read(destination);
    read.addAndGet(Math.max(0, bytes));
    return bytes;
  }

  @Override
  public int write(ByteBuffer source) throws IOException {
    int bytes = inner.write(source);
    written.addAndGet(bytes);
    return bytes;
  }

  @Override
  public boolean isOpen() {
    return inner.isOpen();
  }

  @Override
  public void close() throws IOException {
    inner.close();
  }
}
