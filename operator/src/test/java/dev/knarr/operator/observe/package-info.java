/** Tests of {@code dev.knarr.operator.observe}. */
@NullMarked
package dev.knarr.operator.observe;

import org.jspecify.annotations.NullMarked;
