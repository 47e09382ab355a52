// SPDX-License-Identifier: Apache-2.0
package dev.knarr.cli.bench;

import dev.knarr.cli.bench.SyntheticShape.Tensor;
import dev.knarr.gguf.GgmlType;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.WritableByteChannel;
import java.nio.charset.StandardCharsets;
import java.util.Random;

/**
 * Writes a model with random weights as a GGUF file, version 3: matrices in F16 with a normal
 * distribution, the same bytes for the same shape each time. It has no words, only their number
 * (tokenizer {@code none}), so it can be measured but not talked to. Used once, by one thread.
 */
final class SyntheticModel {
  private static final int VERSION = 3;
  private static final int ALIGNMENT = 32;
  private static final int TYPE_UINT32 = 4;
  private static final int TYPE_FLOAT32 = 6;
  private static final int TYPE_STRING = 8;

  /** llama_ftype: mostly F16. */
  private static final int FILE_TYPE_F16 = 1;

  /** About that of trained models of this family. */
  private static final float STANDARD_DEVIATION = 0.02f;

  private static final int KEYS = 13;
  private static final int BUFFER_BYTES = 1 << 20;

  private final SyntheticShape shape;
  private final WritableByteChannel out;
  private final ByteBuffer buffer =
      ByteBuffer.allocate(BUFFER_BYTES).order(ByteOrder.LITTLE_ENDIAN);
  private long written;

  private SyntheticModel(SyntheticShape shape, WritableByteChannel out) {
    this.shape = shape;
    this.out = out;
  }

  /** Writes all of it; the channel stays open. */
  static void write(SyntheticShape shape, WritableByteChannel out) throws IOException {
    new SyntheticModel(shape, out).write();
  }

  private void write() throws IOException {
    header();
    keys();
    tensorTable();
    pad();
    var samples = samples();
    long seed = 0;
    for (var tensor : shape.tensors()) {
      seed++;
      if (tensor.isVector()) {
        ones(tensor);
      } else {
        random(tensor, samples, seed);
      }
      pad();
    }
    flush();
  }

  private void header() throws IOException {
    room(24).put("GGUF".getBytes(StandardCharsets.US_ASCII)).putInt(VERSION);
    buffer.putLong(shape.tensors().size()).putLong(KEYS);
  }

  private void keys() throws IOException {
    int headWidth = shape.width() / shape.heads();
    key("general.architecture", "llama");
    key("general.name", shape.name() + " with random weights");
    key("general.file_type", FILE_TYPE_F16);
    key("llama.block_count", shape.layers());
    key("llama.context_length", 4096);
    key("llama.embedding_length", shape.width());
    key("llama.feed_forward_length", shape.feedForward());
    key("llama.attention.head_count", shape.heads());
    key("llama.attention.head_count_kv", shape.keyValueHeads());
    key("llama.rope.dimension_count", headWidth);
    key("llama.vocab_size", shape.vocabulary());
    text("llama.attention.layer_norm_rms_epsilon");
    room(8).putInt(TYPE_FLOAT32).putFloat(1e-5f);
    key("tokenizer.ggml.model", "none");
  }

  private void key(String name, String value) throws IOException {
    text(name);
    room(4).putInt(TYPE_STRING);
    text(value);
  }

  private void key(String name, int value) throws IOException {
    text(name);
    room(8).putInt(TYPE_UINT32).putInt(value);
  }

  private void tensorTable() throws IOException {
    long offset = 0;
    for (var tensor : shape.tensors()) {
      text(tensor.name());
      room(32);
      if (tensor.isVector()) {
        buffer.putInt(1).putLong(tensor.ne0()).putInt(GgmlType.F32.code());
      } else {
        buffer.putInt(2).putLong(tensor.ne0()).putLong(tensor.rows()).putInt(GgmlType.F16.code());
      }
      buffer.putLong(offset);
      offset += Math.ceilDiv(tensor.bytes(), (long) ALIGNMENT) * ALIGNMENT;
    }
  }

  /** One normally distributed value for each pattern of 16 bits. */
  private static short[] samples() {
    var random = new Random(20_250_101);
    var samples = new short[1 << 16];
    for (int i = 0; i < samples.length; i++) {
      samples[i] = Float.floatToFloat16((float) (STANDARD_DEVIATION * random.nextGaussian()));
    }
    return samples;
  }

  private void random(Tensor tensor, short[] samples, long seed) throws IOException {
    long state = seed * 0x9E3779B97F4A7C15L;
    for (long left = tensor.elements(); left > 0; left -= 4) {
      // xorshift64: four samples for each step.
      state ^= state << 13;
      state ^= state >>> 7;
      state ^= state << 17;
      room(8)
          .putShort(samples[(int) state & 0xffff])
          .putShort(samples[(int) (state >>> 16) & 0xffff])
          .putShort(samples[(int) (state >>> 32) & 0xffff])
          .putShort(samples[(int) (state >>> 48) & 0xffff]);
    }
  }

  private void ones(Tensor tensor) throws IOException {
    for (long i = 0; i < tensor.elements(); i++) {
      room(4).putFloat(1);
    }
  }

  private void text(String text) throws IOException {
    var bytes = text.getBytes(StandardCharsets.UTF_8);
    room(8 + bytes.length).putLong(bytes.length).put(bytes);
  }

  private void pad() throws IOException {
    while ((written + buffer.position()) % ALIGNMENT != 0) {
      room(1).put((byte) 0);
    }
  }

  private ByteBuffer room(int bytes) throws IOException {
    if (buffer.remaining() < bytes) {
      flush();
    }
    return buffer;
  }

  private void flush() throws IOException {
    buffer.flip();
    written += buffer.remaining();
    while (buffer.hasRemaining()) {
      out.write(buffer);
    }
    buffer.clear();
  }
}
