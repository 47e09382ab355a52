// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.knarr.rpc.tensor.TensorType;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;

/** GGUF files that hold given bytes as tensors, and nothing that llama.cpp could run. */
final class SeedModel {
  private static final int U16 = 2;

  private SeedModel() {}

  /** One file with these tensors; a file that is there is written over. */
  static Path write(Path folder, String name, byte[]... tensors) throws IOException {
    return Files.write(folder.resolve(name + ".gguf"), bytes(0, 1, tensors));
  }

  /** One file for each tensor; returns the first. */
  static Path writeParts(Path folder, String name, byte[]... tensors) throws IOException {
    for (int i = 0; i < tensors.length; i++) {
      Files.write(part(folder, name, i, tensors.length), bytes(i, tensors.length, tensors[i]));
    }
    return part(folder, name, 0, tensors.length);
  }

  private static Path part(Path folder, String name, int index, int count) {
    return folder.resolve("%s-%05d-of-%05d.gguf".formatted(name, index + 1, count));
  }

  private static byte[] bytes(int part, int parts, byte[]... tensors) {
    var head = ByteBuffer.allocate(4096).order(ByteOrder.LITTLE_ENDIAN);
    head.put("GGUF".getBytes(UTF_8)).putInt(3).putLong(tensors.length).putLong(2);
    text(head, "split.no").putInt(U16).putShort((short) part);
    text(head, "split.count").putInt(U16).putShort((short) parts);
    long offset = 0;
    for (int i = 0; i < tensors.length; i++) {
      text(head, "part%d.tensor%d".formatted(part, i)).putInt(1).putLong(tensors[i].length);
      head.putInt(TensorType.I8.code()).putLong(offset);
      offset += tensors[i].length; // a multiple of the alignment, 32
    }
    head.position((head.position() + 31) / 32 * 32).flip();
    var file = new ByteArrayOutputStream();
    file.write(head.array(), 0, head.limit());
    for (byte[] tensor : tensors) {
      file.writeBytes(tensor);
    }
    return file.toByteArray();
  }

  private static ByteBuffer text(ByteBuffer head, String text) {
    return head.putLong(text.length()).put(text.getBytes(UTF_8));
  }

  /** Changes the lowest bit of the last byte in place. */
  static void flipLastByte(Path model) throws IOException {
    try (var file = new RandomAccessFile(model.toFile(), "rw")) {
      file.seek(file.length() - 1);
      int old = file.read();
      file.seek(file.length() - 1);
      file.write(old ^ 1);
    }
  }
}
