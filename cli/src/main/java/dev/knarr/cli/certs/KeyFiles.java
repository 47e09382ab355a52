// SPDX-License-Identifier: Apache-2.0
package dev.knarr.cli.certs;

import dev.knarr.certs.Pem;
import dev.knarr.certs.PemException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.AtomicMoveNotSupportedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.PrivateKey;
import java.security.cert.X509Certificate;
import java.util.Set;
import java.util.function.Function;

/** PEM files: keys that only their owner reads and that are never overwritten, certificates. */
final class KeyFiles {
  private KeyFiles() {}

  /** Writes a key that was not there before, readable by its owner only from the first byte on. */
  static void writeKey(Path file, PrivateKey key) {
    var bytes = ByteBuffer.wrap(Pem.of(key).getBytes(StandardCharsets.US_ASCII));
    var ownerOnly =
        PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------"));
    try (var out =
        Files.newByteChannel(
            file, Set.of(StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE), ownerOnly)) {
      while (bytes.hasRemaining()) {
        out.write(bytes);
      }
    } catch (FileAlreadyExistsException e) {
      throw new CertificateException(
          "%s is there already and is not overwritten: its certificate is missing. Move it away, and run this again."
              .formatted(file),
          e);
    } catch (IOException e) {
      throw failed(file, "written", e);
    }
  }

  /** Puts a certificate in the place of the one before, whole or not at all. */
  static void writeCertificate(Path file, X509Certificate certificate) {
    var part = file.resolveSibling(file.getFileName() + ".part");
    try {
      Files.writeString(part, Pem.of(certificate));
      try {
        Files.move(part, file, StandardCopyOption.ATOMIC_MOVE);
      } catch (AtomicMoveNotSupportedException e) {
        Files.move(part, file, StandardCopyOption.REPLACE_EXISTING);
      }
    } catch (IOException e) {
      throw failed(file, "written", e);
    }
  }

  static PrivateKey readKey(Path file) {
    return read(file, Pem::key);
  }

  static X509Certificate readCertificate(Path file) {
    return read(file, text -> Pem.certificates(text).getFirst());
  }

  private static <T> T read(Path file, Function<String, T> parser) {
    try {
      return parser.apply(Files.readString(file, StandardCharsets.ISO_8859_1));
    } catch (PemException e) {
      throw new CertificateException(
          "%s %s. Move it away, and run this again.".formatted(file, e.getMessage()), e);
    } catch (IOException e) {
      throw failed(file, "read", e);
    }
  }

  private static CertificateException failed(Path file, String what, IOException e) {
    return new CertificateException("%s cannot be %s: %s.".formatted(file, what, e), e);
  }
}
