// SPDX-License-Identifier: Apache-2.0
package dev.knarr.api.v1alpha1;

import com.fasterxml.jackson.annotation.JsonInclude;
import io.fabric8.generator.annotation.Default;
import io.fabric8.generator.annotation.Required;
import io.fabric8.generator.annotation.Size;
import io.fabric8.generator.annotation.ValidationRule;
import org.jspecify.annotations.Nullable;

/** A file of a repository on Hugging Face. Sums the server publishes are checked. */
@JsonInclude(JsonInclude.Include.NON_NULL)
public class HuggingFaceSource {
  /** The repository: owner/name. Required. */
  @Required
  @Size(max = 256)
  @ValidationRule(value = Cel.MATCHES + Patterns.REPO + Cel.END, message = Sentences.REPO)
  private @Nullable String repo;

  /** The file in it: the model, or its first part. Required. */
  @Required
  @Size(max = 1024)
  @ValidationRule(value = Cel.RELATIVE_PATH, message = Sentences.RELATIVE_PATH)
  private @Nullable String file;

  /** Branch, tag or commit. Default main. Name a commit to always get the same bytes. */
  @Default("main")
  @Size(max = 256)
  @ValidationRule(value = Cel.NOT_BLANK, message = Sentences.EMPTY_TEXT)
  @ValidationRule(value = Cel.RELATIVE_PATH, message = Sentences.RELATIVE_PATH)
  private @Nullable String revision;

  /**
   * The expected SHA-256 of a model in one file, 64 hexadecimal digits. Default: the sum the server
   * publishes.
   */
  @Size(max = 256)
  @ValidationRule(value = Cel.SHA256, message = Sentences.SHA256)
  private @Nullable String sha256;

  /** The server. Default https://huggingface.co; in local mode HF_ENDPOINT. */
  @Size(max = 2048)
  @ValidationRule(value = Cel.NOT_BLANK, message = Sentences.EMPTY_TEXT)
  @ValidationRule(value = Cel.URL, message = Sentences.URL)
  private @Nullable String endpoint;

  /**
   * The access token of a private or gated repository. Default: none. Local mode takes it from
   * HF_TOKEN instead.
   */
  private @Nullable SecretKeyReference tokenSecretRef;

  public @Nullable String getRepo() {
    return repo;
  }

  public void setRepo(@Nullable String repo) {
    this.repo = repo;
  }

  public @Nullable String getFile() {
    return file;
  }

  public void setFile(@Nullable String file) {
    this.file = file;
  }

  public @Nullable String getRevision() {
    return revision;
  }

  public void setRevision(@Nullable String revision) {
    this.revision = revision;
  }

  public @Nullable String getSha256() {
    return sha256;
  }

  public void setSha256(@Nullable String sha256) {
    this.sha256 = sha256;
  }

  public @Nullable String getEndpoint() {
    return endpoint;
  }

  public void setEndpoint(@Nullable String endpoint) {
    this.endpoint = endpoint;
  }

  public @Nullable SecretKeyReference getTokenSecretRef() {
    return tokenSecretRef;
  }

  public void setTokenSecretRef(@Nullable SecretKeyReference tokenSecretRef) {
    this.tokenSecretRef = tokenSecretRef;
  }
}
