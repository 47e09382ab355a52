// SPDX-License-Identifier: Apache-2.0
package dev.knarr.rpc.transport;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.PrivateKey;
import java.security.PublicKey;
import java.security.Signature;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.regex.Pattern;

/** Certificates and keys as PEM (RFC 7468), with whatever text around them. Pure functions. */
final class PemFile {
  private static final Pattern BLOCK =
      Pattern.compile("-----BEGIN ([A-Z0-9 ]+)-----([^-]*)-----END \\1-----");

  /** Enough for any chain; a file that is something else altogether is not read into memory. */
  private static final long MAX_BYTES = 1 << 20;

  private record Block(String label, String base64) {
    byte[] content() {
      return Base64.getMimeDecoder().decode(base64);
    }
  }

  private PemFile() {}

  private static List<Block> read(Path file) {
    try {
      if (Files.size(file) > MAX_BYTES) {
        throw new TlsFileException(file, "is no PEM file: it has more than 1 MiB");
      }
      var blocks = new ArrayList<Block>();
      var matcher = BLOCK.matcher(Files.readString(file, StandardCharsets.ISO_8859_1));
      while (matcher.find()) {
        blocks.add(new Block(matcher.group(1), matcher.group(2)));
      }
      return blocks;
    } catch (NoSuchFileException e) {
      throw new TlsFileException(file, "does not exist", e);
    } catch (IOException e) {
      throw new TlsFileException(file, "cannot be read (" + e + ")", e);
    }
  }

  /** All certificates of a file, at least one; the first is the owner's where there is one. */
  static List<X509Certificate> certificates(Path file) {
    try {
      var factory = CertificateFactory.getInstance("X.509");
      var certificates = new ArrayList<X509Certificate>();
      for (var block : read(file)) {
        if (block.label.equals("CERTIFICATE")) {
          certificates.add(
              (X509Certificate)
                  factory.generateCertificate(new ByteArrayInputStream(block.content())));
        }
      }
      if (certificates.isEmpty()) {
        throw new TlsFileException(
            file, "holds no certificate in PEM (-----BEGIN CERTIFICATE-----)");
      }
      return certificates;
    } catch (GeneralSecurityException | IllegalArgumentException e) {
      throw new TlsFileException(file, "holds a damaged certificate: " + e.getMessage(), e);
    }
  }

  /**
   * The private key of a certificate: PKCS#8, or the older forms of RSA (PKCS#1) and EC (SEC 1).
   *
   * @throws TlsFileException when there is none, or one that belongs to another certificate
   */
  static PrivateKey key(Path file, X509Certificate owner) {
    PublicKey publicKey = owner.getPublicKey();
    try {
      return key(file, publicKey);
    } catch (IllegalArgumentException e) {
      throw new TlsFileException(file, "holds a damaged key: " + e.getMessage(), e);
    }
  }

  private static PrivateKey key(Path file, PublicKey publicKey) {
    for (var block : read(file)) {
      switch (block.label) {
        case "PRIVATE KEY" -> {
          return decoded(file, publicKey, block.content());
        }
        case "RSA PRIVATE KEY", "EC PRIVATE KEY" -> {
          return decoded(file, publicKey, pkcs8(publicKey, block.content()));
        }
        case "ENCRYPTED PRIVATE KEY" ->
            throw new TlsFileException(
                file,
                "holds an encrypted key, which nobody could type the password of. Decrypt it: openssl pkcs8 -in %s -out NEW"
                    .formatted(file));
        default -> {
          // Parameters or a certificate beside the key.
        }
      }
    }
    throw new TlsFileException(file, "holds no key in PEM (-----BEGIN PRIVATE KEY-----)");
  }

  private static PrivateKey decoded(Path file, PublicKey publicKey, byte[] pkcs8) {
    try {
      var key =
          KeyFactory.getInstance(publicKey.getAlgorithm())
              .generatePrivate(new PKCS8EncodedKeySpec(pkcs8));
      requirePair(file, key, publicKey);
      return key;
    } catch (GeneralSecurityException e) {
      throw new TlsFileException(
          file,
          "is no %s key, as its certificate demands: %s"
              .formatted(publicKey.getAlgorithm(), e.getMessage()),
          e);
    }
  }

  private static void requirePair(Path file, PrivateKey key, PublicKey publicKey)
      throws GeneralSecurityException {
    var signature =
        Signature.getInstance(
            switch (publicKey.getAlgorithm()) {
              case "RSA" -> "SHA256withRSA";
              case "EC" -> "SHA256withECDSA";
              case String other -> other;
            });
    byte[] sample = "a sample to sign".getBytes(StandardCharsets.US_ASCII);
    signature.initSign(key);
    signature.update(sample);
    byte[] signed = signature.sign();
    signature.initVerify(publicKey);
    signature.update(sample);
    if (!signature.verify(signed)) {
      throw new TlsFileException(file, "belongs to another certificate");
    }
  }

  /**
   * Puts an older form into PKCS#8 (RFC 5208): version 0, the algorithm as the certificate's public
   * key names it with its curve, and the key itself.
   */
  private static byte[] pkcs8(PublicKey publicKey, byte[] key) {
    byte[] subjectKey = publicKey.getEncoded();
    int algorithmAt = headBytes(subjectKey, 0);
    int algorithmBytes = headBytes(subjectKey, algorithmAt) + length(subjectKey, algorithmAt);
    var content = new ByteArrayOutputStream();
    content.writeBytes(new byte[] {2, 1, 0});
    content.write(subjectKey, algorithmAt, algorithmBytes);
    content.writeBytes(der(4, key));
    return der(0x30, content.toByteArray());
  }

  /** Bytes of tag and length of the DER element there; lengths of up to two bytes occur here. */
  private static int headBytes(byte[] der, int at) {
    int first = der[at + 1] & 0xff;
    return first < 0x80 ? 2 : 2 + (first & 0x7f);
  }

  private static int length(byte[] der, int at) {
    int first = der[at + 1] & 0xff;
    if (first < 0x80) {
      return first;
    }
    int length = 0;
    for (int i = 0; i < (first & 0x7f); i++) {
      length = (length << 8) | (der[at + 2 + i] & 0xff);
    }
    return length;
  }

  private static byte[] der(int tag, byte[] content) {
    var out = new ByteArrayOutputStream();
    out.writeBytes(
        new byte[] {(byte) tag, (byte) 0x82, (byte) (content.length >> 8), (byte) content.length});
    out.writeBytes(content);
    return out.toByteArray();
  }
}
