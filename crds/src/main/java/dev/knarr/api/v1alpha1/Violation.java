// SPDX-License-Identifier: Apache-2.0
package dev.knarr.api.v1alpha1;

/**
 * A broken rule, before it is known where in a file it stands. Immutable.
 *
 * @param field the field, such as {@code spec.workers[0].name}
 * @param message one of {@link Sentences}
 */
public record Violation(String field, String message) {}
